// The kubelet with a real API server, real namespaces and the real plugins: pods come up, fail, come back and go.
import { describe, expect, test } from "bun:test";
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Container, PodSpec } from "kubernetes-types/core/v1";
import type { Pod } from "#kube/kinds.ts";
import { configMaps, events, leases, nodes, pods } from "#kube/resource.ts";
import { processesIn } from "#lab/cgroup.ts";
import { LabNode } from "#test/lab-node.ts";
import { Sandbox } from "#test/sandbox.ts";

const conflist = {
  ...{ cniVersion: "1.0.0", name: "test" },
  plugins: [
    {
      ...{ type: "bridge", bridge: "cni0", isGateway: true, hairpinMode: true },
      ipam: {
        type: "host-local",
        dataDir: "/run/host-local",
        ranges: [[{ subnet: "10.244.1.0/24" }], [{ subnet: "fd00:10:244:1::/64" }]],
      },
    },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
};

const ports = [{ containerPort: 80, name: "http" }];

function draft(name: string, container: Partial<Container>, spec: Partial<PodSpec> = {}) {
  const containers = [{ name: "c", image: "nginx", ports, ...container }];
  return { metadata: { name, namespace: "default" }, spec: { nodeName: "node1", containers, ...spec } };
}

function shell(script: string): Partial<Container> {
  return { image: "lab/shell", command: ["sh", "-c", script], ports: [] };
}

const place = (name: string) => ({ namespace: "default", name });

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}

async function readyPod(node: LabNode, name: string): Promise<Pod> {
  await node.until(`pod ${name} is ready`, async () => isReady(await node.pod(name)));
  return await node.pod(name);
}

/** `reason: message` of a pod's events. */
async function eventsOf(node: LabNode, name: string): Promise<readonly string[]> {
  const { items } = await node.client.list(events, { namespace: "default" });
  return items.flatMap((event) => (event.involvedObject.name === name ? [`${event.reason}: ${event.message}`] : []));
}

const testMs = 180_000;

describe("the kubelet", () => {
  test(
    "brings up a pod with addresses of both families, reaches it, and takes it down without a trace",
    async () => {
      using box = new Sandbox();
      await using node = await LabNode.start(box, conflist);
      const [{ status: nodeStatus } = {}] = (await node.client.list(nodes)).items;
      expect(nodeStatus?.conditions?.find(({ type }) => type === "Ready")?.status).toBe("True");
      await node.until(
        "the lease is there",
        async () => (await node.client.list(leases, { namespace: "kube-node-lease" })).items.length === 1,
      );

      await node.client.create(pods, draft("web", { readinessProbe: { httpGet: { path: "/readyz", port: "http" } } }));
      const { status, metadata } = await readyPod(node, "web");
      expect(status).toMatchObject({
        phase: "Running",
        podIPs: [{ ip: "10.244.1.2" }, { ip: "fd00:10:244:1::2" }],
        hostIP: "172.30.0.11",
        containerStatuses: [{ name: "c", ready: true, started: true, restartCount: 0 }],
      });
      for (const host of ["10.244.1.2", "[fd00:10:244:1::2]"]) {
        expect(JSON.parse(node.sh("curl", "-s", "-m", "20", `http://${host}/x`))).toMatchObject({
          pod: "web",
          namespace: "default",
          node: "node1",
          port: 80,
          path: "/x",
        });
      }

      await node.client.remove(pods, place("web"));
      await node.until("the pod is gone", () => node.isGone("web"));
      const left = ["containers", "logs", "sandboxes", "pods"].flatMap((name) =>
        readdirSync(join(node.folder, "kubelet", name)),
      );
      expect([...left, ...readdirSync(join(node.folder, "cni", "results"))]).toEqual([]);
      expect(existsSync(join(node.cgroup, "pods", metadata.uid ?? ""))).toBe(false);
      expect(node.sh("ls", "/run/netns")).toBe("");
    },
    testMs,
  );

  test(
    "finds its pods again after kill -9, without restarting them, and ends those deleted meanwhile",
    async () => {
      using box = new Sandbox();
      await using node = await LabNode.start(box, conflist);
      await node.client.create(pods, draft("stays", {}));
      await node.client.create(
        pods,
        draft(
          "crashes",
          shell("trap 'echo done for > /dev/termination-log; exit 5' USR1; echo set; while :; do sleep 0.05; done"),
          { restartPolicy: "Never" },
        ),
      );
      const before = await readyPod(node, "stays");
      await node.until("the other one runs", async () => (await node.pod("crashes")).status?.phase === "Running");
      const crashing = await node.pod("crashes");
      await node.until("it listens", async () => node.log(crashing, "c").endsWith(" set\n"));
      const [main = 0] = processesIn(join(node.cgroup, "pods", crashing.metadata.uid ?? "", "c"));

      await node.killKubelet();
      process.kill(main, "SIGUSR1");
      await node.until("it has ended", async () => !existsSync(`/proc/${main}`));
      await node.startKubelet();
      await node.until("the end meanwhile is seen", async () => (await node.pod("crashes")).status?.phase === "Failed");
      const terminated = (await node.pod("crashes")).status?.containerStatuses?.[0]?.state?.terminated;
      expect(terminated).toMatchObject({ exitCode: 5, reason: "Error", message: "done for\n" });
      const after = await readyPod(node, "stays");
      expect(after.status?.containerStatuses).toEqual(before.status?.containerStatuses ?? []);
      expect(after.status?.podIPs).toEqual(before.status?.podIPs ?? []);
      await node.client.remove(pods, place("stays"));
      await node.until("the found pod is gone", () => node.isGone("stays"));
    },
    testMs,
  );

  test(
    "runs init containers, restarts what fails, backs off, and ends what its liveness probe refuses",
    async () => {
      using box = new Sandbox();
      await using node = await LabNode.start(box, conflist);
      const volumeMounts = [{ name: "data", mountPath: "/data" }];
      await node.client.create(
        pods,
        draft(
          "init",
          { ...shell("cat /data/made; sleep infinity"), volumeMounts },
          {
            initContainers: [
              { name: "prepare", ...shell("echo made > /data/made"), volumeMounts },
              { name: "side", image: "nginx", restartPolicy: "Always", ports: [{ containerPort: 9000 }] },
            ],
            volumes: [{ name: "data", emptyDir: {} }],
          },
        ),
      );
      await node.client.create(pods, draft("crash", shell("echo try; exit 4")));
      const livenessProbe = { httpGet: { path: "/healthz", port: "http" }, periodSeconds: 1, failureThreshold: 1 };
      await node.client.create(pods, draft("ill", { livenessProbe }));

      const init = await readyPod(node, "init");
      expect(init.status?.initContainerStatuses?.map(({ name, ready }) => [name, ready])).toEqual([
        ["prepare", true],
        ["side", true],
      ]);
      await node.until("it has read what was prepared", async () => / stdout F made\n$/.test(node.log(init, "c")));

      await node.until("the crashing one waits", async () => {
        const [status] = (await node.pod("crash")).status?.containerStatuses ?? [];
        return status?.state?.waiting?.reason === "CrashLoopBackOff" && status.restartCount === 1;
      });
      expect((await node.pod("crash")).status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode).toBe(4);
      expect(await eventsOf(node, "crash")).toContain("BackOff: Back-off restarting failed container c");

      const ill = await readyPod(node, "ill");
      node.sh("curl", "-s", `http://${ill.status?.podIP}/fail`);
      await node.until("it was restarted", async () => {
        const pod = await node.pod("ill");
        return isReady(pod) && pod.status?.containerStatuses?.[0]?.restartCount === 1;
      });
      expect((await eventsOf(node, "ill")).join()).toContain(
        "Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 503",
      );
    },
    testMs,
  );

  test(
    "gives containers their variables and files, and an end they notice",
    async () => {
      using box = new Sandbox();
      await using node = await LabNode.start(box, conflist);
      await node.client.create(configMaps, { metadata: place("conf"), data: { greeting: "hello" } });
      const script =
        "trap 'echo bye; exit 3' TERM; echo $GREETING $IP; cat /conf/greeting /etc/hosts /etc/resolv.conf; hostname; while :; do sleep 0.05; done";
      await node.client.create(
        pods,
        draft(
          "full",
          {
            ...shell(script),
            env: [
              { name: "GREETING", valueFrom: { configMapKeyRef: { name: "conf", key: "greeting" } } },
              { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
            ],
            volumeMounts: [{ name: "conf", mountPath: "/conf" }],
            lifecycle: { preStop: { exec: { command: ["sh", "-c", "echo stopping > /proc/1/fd/1"] } } },
          },
          {
            hostname: "fully",
            hostAliases: [{ ip: "1.2.3.4", hostnames: ["alias"] }],
            volumes: [{ name: "conf", configMap: { name: "conf" } }],
          },
        ),
      );
      const full = await readyPod(node, "full");
      await node.until("it has said all", async () => node.log(full, "c").includes("ndots"));
      const lines = node
        .log(full, "c")
        .split("\n")
        .map((line) => line.replace(/^\S+ stdout F /, ""));
      expect(lines[0]).toBe(`hello ${full.status?.podIP}`);
      expect(lines).toEqual(
        expect.arrayContaining([
          `${full.status?.podIP}\tfully`,
          "1.2.3.4\talias",
          "nameserver 10.96.0.10",
          "search default.svc.cluster.local svc.cluster.local cluster.local",
        ]),
      );

      const beside = { ...shell("echo beside; test -e /conf || echo alone"), name: "debugger" };
      const wanted = { spec: { ephemeralContainers: [beside] } };
      await node.client.patch(pods, { ...place("full"), subresource: "ephemeralcontainers" }, "merge", wanted);
      await node.until("what was put beside it has ended", async () => {
        const { status } = await node.pod("full");
        return status?.ephemeralContainerStatuses?.[0]?.state?.terminated?.exitCode === 0;
      });
      expect(node.log(full, "debugger")).toMatch(/ stdout F beside\n.* stdout F alone\n$/);
      expect(isReady(await node.pod("full"))).toBe(true);

      const uid = full.metadata.uid ?? "";
      const logFile = join(node.folder, "kubelet", "logs", `${uid}.c.0.log`);
      // Open, it can be read when it has gone with its pod.
      const kept = openSync(logFile, "r");
      await node.client.remove(pods, place("full"));
      await node.until("the pod is gone", () => node.isGone("full"));
      expect(readFileSync(kept, "utf8")).toMatch(/ stdout F stopping\n\S+ stdout F bye\n/);
      closeSync(kept);
    },
    testMs,
  );

  test(
    "says why a pod does not start, and starts it when the reason is gone",
    async () => {
      using box = new Sandbox();
      await using node = await LabNode.start(box, { ...conflist, plugins: [{ type: "missing" }] });
      await node.client.create(pods, draft("net", {}));
      await node.until("the event is there", async () =>
        (await eventsOf(node, "net")).some((line) => line.startsWith("FailedCreatePodSandBox")),
      );
      expect((await eventsOf(node, "net")).join()).toContain('failed to find plugin "missing"');
      expect((await node.pod("net")).status?.containerStatuses?.[0]?.state?.waiting?.reason).toBe("ContainerCreating");
      await Bun.write(join(node.folder, "net.d", "10-test.conflist"), JSON.stringify(conflist));
      await readyPod(node, "net");

      const env = [{ name: "A", valueFrom: { configMapKeyRef: { name: "late", key: "a" } } }];
      await node.client.create(pods, draft("config", { env }));
      const waiting = async () => (await node.pod("config")).status?.containerStatuses?.[0]?.state?.waiting;
      await node.until(
        "it waits for its ConfigMap",
        async () => (await waiting())?.reason === "CreateContainerConfigError",
      );
      expect((await waiting())?.message).toBe('configmap "late" not found');
      await node.client.create(configMaps, { metadata: place("late"), data: { a: "x" } });
      await readyPod(node, "config");
    },
    testMs,
  );

  test(
    "makes a pod anew whose namespaces are lost, and lets ports of the node lead to it",
    async () => {
      using box = new Sandbox();
      await using node = await LabNode.start(box, conflist);
      const readinessProbe = { exec: { command: ["test", "-e", "/etc/resolv.conf"] } };
      await node.client.create(pods, draft("web", { readinessProbe, ports: [{ containerPort: 80, hostPort: 8080 }] }));
      const before = await readyPod(node, "web");
      const throughNode = () => node.sh("curl", "-s", "-m", "20", "http://10.244.1.1:8080/");
      expect(JSON.parse(throughNode())).toMatchObject({ pod: "web", port: 80 });

      // Nobody but the kubelet sees a pod that names its node itself.
      await node.client.create(pods, draft("second", { ports: [{ containerPort: 81, hostPort: 8080 }] }));
      await node.until("it is refused", async () => (await node.pod("second")).status?.phase === "Failed");
      const why = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
      const { status } = await node.pod("second");
      expect(status).toMatchObject({ reason: "NodePorts", message: `Pod was rejected: ${why}` });
      await node.until("the event is there", async () =>
        (await eventsOf(node, "second")).includes(`NodePorts: ${why}`),
      );
      await node.client.remove(pods, place("second"));
      await node.until("it is gone", () => node.isGone("second"));

      const [pause = 0] = processesIn(join(node.cgroup, "pods", before.metadata.uid ?? "", "_sandbox"));
      process.kill(pause, "SIGKILL");
      await node.until("it was restarted", async () => {
        const pod = await node.pod("web");
        return isReady(pod) && pod.status?.containerStatuses?.[0]?.restartCount === 1;
      });
      expect((await eventsOf(node, "web")).join()).toContain("SandboxChanged");
      const after = await node.pod("web");
      expect(after.status?.podIP).not.toBe(before.status?.podIP);
      expect(JSON.parse(throughNode())).toMatchObject({ pod: "web", port: 80 });
      expect(node.sh("ls", "/run/netns").trim().split("\n")).toHaveLength(1);
    },
    testMs,
  );
});
