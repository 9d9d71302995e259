// The shop's pods under Debian's containerd, with the conflist of a lab's node: the same results as in the lab, and pods that answer.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Container, PodTemplateSpec } from "kubernetes-types/core/v1";
import { nodeConflist } from "#lab/kubelet/node/node-conflist.ts";
import { readManifests } from "#lab/manifests/read.ts";
import { cidr } from "#net/cidr.ts";
import { TestLabs } from "../lab.ts";
import { type Containerd, startContainerd } from "./containerd.ts";
import { nothingRemains, prepareNode, type Remains, remainsAtLast } from "./twill.ts";

setDefaultTimeout(120_000);

const shop = new URL("../../examples/shop", import.meta.url).pathname;
/** The first node's block of a lab. */
const block = cidr("10.244.0.0/24");

type ShopPod = { readonly name: string; readonly labels: Readonly<Record<string, string>>; readonly port: number };

/** One pod of each workload, with the first port that it declares. */
function shopPods(): readonly ShopPod[] {
  return readManifests([shop]).flatMap(({ object: { kind, metadata, spec } }) => {
    if (kind !== "Deployment" && kind !== "StatefulSet") return [];
    const { template } = spec as { readonly template: PodTemplateSpec };
    const [container] = template.spec?.containers ?? [];
    return [{ name: metadata.name ?? "", labels: template.metadata?.labels ?? {}, port: firstPort(container) }];
  });
}

function firstPort(container: Container | undefined): number {
  return container?.ports?.[0]?.containerPort ?? 0;
}

/** Cached results of ADD in a node's /var/lib/cni, without what is every pod's own: addresses, names, paths. */
function cachedResults(folder: string): readonly unknown[] {
  const results = join(folder, "results");
  const names = readdirSync(results).filter((name) => name.endsWith("-eth0"));
  return names.map((name) => {
    const cached = JSON.parse(readFileSync(join(results, name), "utf8")) as { readonly result: object };
    const text = JSON.stringify({ dns: {}, ...cached.result })
      .replace(/10\.244\.0\.(?!1\b)\d+/g, "POD")
      .replace(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, "MAC")
      .replace(/"veth[0-9a-f]+"/g, '"VETH"')
      .replace(/"sandbox":"[^"]+"/g, '"sandbox":"NETNS"');
    return JSON.parse(text);
  });
}

describe("the shop's pods under containerd", () => {
  const resources = new AsyncDisposableStack();
  const sync = resources.use(new DisposableStack());
  let containerd: Containerd;
  let node: Awaited<ReturnType<typeof prepareNode>>["node"];

  beforeAll(async () => {
    const conflist = JSON.parse(nodeConflist(undefined, [block])) as { readonly name: string };
    const prepared = await prepareNode(sync, "served", conflist);
    node = prepared.node;
    containerd = await startContainerd(prepared);
    await containerd.networkReady(conflist.name);
  });
  afterAll(() => resources.disposeAsync());

  test("get what the lab's kubelet gets from the same plugins, reach each other, and leave nothing", async () => {
    const pods = shopPods();
    expect(pods.map(({ name, port }) => `${name}:${port}`)).toEqual(["backend:8080", "database:5432", "frontend:8080"]);
    const running = await Promise.all(
      pods.map(async ({ port, ...options }) => {
        const pod = await containerd.runPod({ ...options, namespace: "shop" });
        const container = await containerd.runContainer(pod, ["httpd", "-f", "-p", String(port), "-h", "/etc"]);
        const [ip = ""] = (await containerd.podStatus(pod)).ips;
        return { pod, container, ip, port };
      }),
    );
    for (const { ip, port } of running) {
      const patiently = ["--max-time", "5", "--retry", "5", "--retry-connrefused"];
      expect(node.sh(["curl", "--silent", ...patiently, `http://${ip}:${port}/group`])).toBe("root:x:0:\n");
    }
    for (const { container } of running) {
      for (const { ip, port } of running) {
        const asked = `printf 'GET /group HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ${ip} ${port}`;
        const { exitCode, stdout } = await containerd.execSync(container, ["sh", "-c", asked]);
        expect({ ip, exitCode, page: stdout.split("\r\n").at(-1) }).toEqual({ ip, exitCode: 0, page: "root:x:0:\n" });
      }
    }

    await using labs = await TestLabs.open();
    const lab = labs.name();
    labs.ok("up", lab, "--nodes", "1", "--plugins");
    labs.ok("load", "--lab", lab, "--wait", shop);
    const [inLab, ...others] = cachedResults(join(labs.folder, lab, "nodes/node1/var-lib-cni"));
    expect(inLab).toMatchObject({ ips: [{ address: "POD/24", gateway: "10.244.0.1" }] });
    const underContainerd = cachedResults(node.outside("/var/lib/cni"));
    expect(underContainerd.length).toBe(pods.length);
    for (const result of [...others, ...underContainerd]) expect(result).toEqual(inLab);

    for (const { pod } of running) {
      await containerd.stopPod(pod);
      await containerd.removePod(pod);
    }
    const held = await remainsAtLast(node);
    // The bridge stays, as with the reference.
    const links = held.links.filter((line) => !line.startsWith("cni0"));
    expect<Remains>({ ...held, links }).toEqual(nothingRemains);
  });
});
