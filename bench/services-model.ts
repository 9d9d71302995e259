// Ten thousand services of ten endpoints each: an agent that starts, one endpoint that changes, and Maglev's tables.
// `bun bench/services-model.ts [small]`
//
// The API server is the lab's, in this process and over HTTP; the agent is a process of its own, and its maps are read from here.

import { join } from "node:path";
import { BpfMap, type MapFormat } from "#bpf/map.ts";
import { pinName } from "#datapath/pins.ts";
import { backendsFormat, frontendsFormat, slotsFormat } from "#datapath/service-format.ts";
import { openPinned } from "#kernel/bpf-map.ts";
import { KubeClient } from "#kube/client.ts";
import { splitLines } from "#kube/lines.ts";
import { endpointSlices, namespaces, nodes, services } from "#kube/resource.ts";
import { ApiServer } from "#lab/apiserver/api-server.ts";
import { builtinResources } from "#lab/apiserver/builtin/builtin.ts";
import { controllerUser, localTransport } from "#lab/apiserver/local-transport.ts";
import { Registry } from "#lab/apiserver/registry.ts";
import { Store } from "#lab/apiserver/store/store.ts";
import { maglevTable } from "#model/service/maglev.ts";
import { ip } from "#net/ip.ts";
import { Sandbox } from "#test/sandbox.ts";
import { ControlGroup } from "#test/sockets/control-group.ts";
import { percentile } from "./driver.ts";
import { writeResults } from "./write-results.ts";

const small = process.argv[2] === "small";
const [serviceCount, changes, rounds] = small ? [50, 5, 1] : [10_000, 500, 3];
const endpointsEach = 10;
const namespace = "shop";
const nodeAddress = "172.30.0.11";
const tcp = 6;
const patienceMs = 60_000;
const restMs = small ? 100 : 3_000;
const buckets = 16_384;
const maglevBackends = 100;

function addressOf(service: number): string {
  return `10.96.${service >> 8}.${service & 0xff}`;
}

/** `generation`: the first one has moved so often. */
function endpointsOf(service: number, generation: number) {
  const usual = Array.from({ length: endpointsEach }, (_, index) => dotted(128, service * endpointsEach + index));
  const addresses = generation === 0 ? usual : [dotted(200 + (generation % 50), service), ...usual.slice(1)];
  return addresses.map((address, index) => ({
    addresses: [address],
    conditions: { ready: true },
    nodeName: `n${index}`,
  }));
}

function dotted(second: number, rest: number): string {
  return `10.${second + (rest >> 16)}.${(rest >> 8) & 0xff}.${rest & 0xff}`;
}

async function fill(client: KubeClient): Promise<void> {
  await client.create(namespaces, { metadata: { name: namespace } });
  await client.create(nodes, { metadata: { name: "n1" }, spec: { podCIDRs: ["10.244.1.0/24"] } });
  const status = { addresses: [{ type: "InternalIP", address: nodeAddress }] };
  await client.patch(nodes, { name: "n1", subresource: "status" }, "merge", { status });
  for (let service = 0; service < serviceCount; service++) {
    const name = `service-${service}`;
    const spec = { clusterIP: addressOf(service), ports: [{ port: 80, targetPort: 8080 }] };
    await client.create(services, { metadata: { namespace, name }, spec });
    await client.create(endpointSlices, {
      metadata: { namespace, name, labels: { "kubernetes.io/service-name": name } },
      addressType: "IPv4",
      ports: [{ name: "", port: 8080, protocol: "TCP" }],
      endpoints: endpointsOf(service, 0),
    });
  }
}

/** The lab's API server for clients of HTTP. */
function serveHttp(server: ApiServer): Bun.Server<undefined> {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    // A watch may be silent for long.
    idleTimeout: 0,
    async fetch(request) {
      const url = new URL(request.url);
      const { method, signal } = request;
      const response = await server.handle({
        ...{ method, signal, path: url.pathname, query: url.searchParams, user: controllerUser },
        headers: Object.fromEntries(request.headers.entries()),
        body: request.body === null ? undefined : await request.bytes(),
      });
      const { status, headers } = response;
      if ("stream" in response) return new Response(toReadable(response.stream), { status, headers });
      const { body } = response;
      const isReady = typeof body === "string" || body instanceof Uint8Array;
      return new Response(isReady ? body : JSON.stringify(body), { status, headers });
    },
  });
}

function toReadable(chunks: AsyncIterable<string | Uint8Array>): ReadableStream<string | Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await iterator.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}

/** An agent that has just been started. */
class AgentProcess implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #lines: AsyncIterator<string>;

  constructor(folder: string, netns: string, server: string, cgroup: string) {
    const script = new URL("services-agent.ts", import.meta.url).pathname;
    const command = [process.execPath, script, folder, netns, server, cgroup];
    // As deploy/agent.yaml has it.
    const env = { ...process.env, BUN_JSC_forceRAMSize: String(2 ** 27) };
    this.#child = Bun.spawn(command, { env, stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    this.#lines = splitLines(this.#child.stdout)[Symbol.asyncIterator]();
  }

  async next(): Promise<number> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("The agent has ended");
    return Number(value);
  }

  async memoryBytes(): Promise<number> {
    this.#child.stdin.write("memory\n");
    this.#child.stdin.flush();
    return await this.next();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    await this.#child.exited;
  }
}

/** Where a service's first slot leads to. */
class Maps implements Disposable {
  readonly #stack = new DisposableStack();
  readonly #frontends;
  readonly #slots;
  readonly #backends;

  constructor(pins: string) {
    const open = <K, V>(format: MapFormat<K, V>) =>
      new BpfMap(format, this.#stack.use(openPinned(join(pins, pinName(format)))).number);
    this.#frontends = open(frontendsFormat);
    this.#slots = open(slotsFormat);
    this.#backends = open(backendsFormat);
  }

  leadsTo(service: number, address: string): boolean {
    const choice = this.#frontends.get({ address: ip(addressOf(service)), port: 80, protocol: tcp })?.inside;
    if (choice === undefined) return false;
    return Array.from({ length: choice.count }, (_, slot) => this.#slots.get({ set: choice.set, slot })).some(
      (number) => number !== undefined && this.#backends.get(number)?.address === ip(address),
    );
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

/** Milliseconds from a write at the API server to the map that says so, of services here and there. */
async function changeOften(client: KubeClient, maps: Maps): Promise<readonly number[]> {
  const times: number[] = [];
  for (let change = 1; change <= changes; change++) {
    const service = (change * 7919) % serviceCount;
    const endpoints = endpointsOf(service, change);
    const [moved = ""] = endpoints[0]?.addresses ?? [];
    const start = performance.now();
    await client.patch(endpointSlices, { namespace, name: `service-${service}` }, "merge", { endpoints });
    while (!maps.leadsTo(service, moved)) {
      if (performance.now() - start > patienceMs) throw new Error(`Service ${service} does not lead to ${moved}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    times.push(performance.now() - start);
    // Changes that come one on another's heels are another question.
    await Bun.sleep(5);
  }
  return times;
}

/** Of all buckets of 100 backends, the share that lead elsewhere when one of them leaves: the mean of all who may. */
function maglevMoved(): number {
  const names = Array.from({ length: maglevBackends }, (_, index) => `${dotted(128, index)} 8080`);
  const before = maglevTable(names, buckets);
  const shares = names.map((_, gone) => {
    const left = names.toSpliced(gone, 1);
    const after = maglevTable(left, buckets);
    return before.filter((place, bucket) => names[place] !== left[after[bucket] ?? 0]).length / buckets;
  });
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

await using stack = new AsyncDisposableStack();
const box = stack.use(new Sandbox());
const group = stack.use(new ControlGroup());
// Services have their addresses already: without the rules that would look for one.
const store = stack.use(new Store({ path: ":memory:" }));
const random = (bytes: Uint8Array) => crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>);
const server = stack.use(new ApiServer({ store, registry: new Registry(builtinResources), now: Date.now, random }));
const client = new KubeClient(localTransport(server, controllerUser), "bench");
await fill(client);
const http = serveHttp(server);
stack.defer(() => http.stop(true));

const starts: number[] = [];
const used: number[] = [];
const memory: number[] = [];
let times: readonly number[] = [];
for (let round = 0; round < rounds; round++) {
  const node = box.netns("node");
  box.sh(node, ["ip", "address", "add", `${nodeAddress}/32`, "dev", "lo"]);
  const folder = box.dir();
  await using agent = new AgentProcess(folder, node.path, `http://127.0.0.1:${http.port}`, group.path);
  starts.push((await agent.next()) / 1000);
  used.push((await agent.next()) / 1000);
  await Bun.sleep(restMs);
  memory.push((await agent.memoryBytes()) / 1e6);
  if (round > 0) continue;
  using maps = new Maps(join(folder, "bpf", "twill-n1"));
  times = await changeOften(client, maps);
}

const results = {
  services: serviceCount,
  endpointsEach,
  startSeconds: { value: percentile(starts, 0.5), ofProcessor: percentile(used, 0.5), goal: 3 },
  memoryMegabytes: { value: percentile(memory, 0.5), goal: 150 },
  changeMs: { p50: percentile(times, 0.5), p99: percentile(times, 0.99), goal: 20, changes },
  maglevMoved: { value: maglevMoved(), goal: 0.02, backends: maglevBackends },
};
const { startSeconds, memoryMegabytes, changeMs } = results;
console.log(
  `${serviceCount.toLocaleString("en")} services × ${endpointsEach}: ${startSeconds.value.toFixed(2)} s (goal 3), ${startSeconds.ofProcessor.toFixed(2)} s of a processor, ${memoryMegabytes.value.toFixed(0)} MB (goal 150)`,
);
console.log(
  `one endpoint, write to map: p50 ${changeMs.p50.toFixed(1)} ms, p99 ${changeMs.p99.toFixed(1)} ms (goal 20)`,
);
console.log(`Maglev, one of 100 leaves: ${(100 * results.maglevMoved.value).toFixed(2)} % moved (goal 2)`);
if (!small) writeResults("services-model", results);
