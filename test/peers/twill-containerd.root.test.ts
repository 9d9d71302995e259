// Our plugins under Debian's containerd, by the service and stand-alone: pods reach each other, and leave nothing behind.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Containerd, startContainerd } from "./containerd.ts";
import type { Node } from "./node.ts";
import { fetched, nothingRemains, prepareNode, remains, remainsAtLast, ways } from "./twill.ts";

setDefaultTimeout(120_000);

const ipam = {
  type: "host-local",
  ranges: [[{ subnet: "10.88.0.0/24" }], [{ subnet: "fd00:88::/64" }]],
  routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
};
const network = {
  cniVersion: "1.0.0",
  name: "net",
  plugins: [
    { type: "bridge", bridge: "br0", isGateway: true, ipMasq: true, ipam },
    { type: "portmap", capabilities: { portMappings: true } },
    { type: "bandwidth", capabilities: { bandwidth: true } },
  ],
};

describe.each(ways)("our plugins, %s, under containerd", (way) => {
  const resources = new DisposableStack();
  let node: Node;
  let containerd: Containerd;

  beforeAll(async () => {
    const prepared = await prepareNode(resources, way, network);
    node = prepared.node;
    containerd = await startContainerd(prepared);
    await containerd.networkReady("net");
  });
  afterAll(() => resources.dispose());

  test("run two pods that reach each other, and two DELs each leave nothing", async () => {
    const limits = { "kubernetes.io/ingress-bandwidth": "10M", "kubernetes.io/egress-bandwidth": "10M" };
    const [one, two] = await Promise.all([
      containerd.runPod({ name: "one", annotations: limits }),
      containerd.runPod({ name: "two" }),
    ]);
    const { ips } = await containerd.podStatus(two);
    expect(ips).toEqual([expect.stringMatching(/^10\.88\.0\.\d+$/), expect.stringMatching(/^fd00:88::/)]);
    const container = await containerd.runContainer(one);
    for (const ip of ips) {
      const ping = await containerd.execSync(container, ["ping", "-c", "1", "-W", "5", ip]);
      expect(ping).toMatchObject({ exitCode: 0, stderr: "" });
    }
    expect(node.sh(["tc", "qdisc"])).toContain("rate 10Mbit");
    expect(remains(node)).not.toEqual(nothingRemains);
    for (const pod of [one, two]) {
      await containerd.stopPod(pod);
      await containerd.removePod(pod);
    }
    expect(await remainsAtLast(node)).toEqual(nothingRemains);
  });

  test("map a port of the node to a pod until it is stopped", async () => {
    const pod = await containerd.runPod({ name: "web", portMappings: [{ hostPort: 8080, containerPort: 80 }] });
    await containerd.runContainer(pod, ["httpd", "-f", "-p", "80", "-h", "/etc"]);
    expect(await fetched(node, "http://10.88.0.1:8080/group")).toBe("root:x:0:\n");
    await containerd.stopPod(pod);
    expect(await remainsAtLast(node)).toEqual(nothingRemains);
    await containerd.removePod(pod);
  });
});
