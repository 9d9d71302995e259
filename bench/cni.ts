// Compares the standard plugins with the reference's, interleaved in one run: bun bench/cni.ts [ROUNDS]
// Prints medians and ratios and writes bench/results/cni.json.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { call, chain, reference, type Service, startService } from "./contestant.ts";
import { Driver } from "./driver.ts";
import { addDel, printRows, type Row, row, settleMs } from "./rows.ts";
import { writeResults } from "./write-results.ts";

type Lab = {
  readonly box: Sandbox;
  readonly driver: Driver;
  readonly service: Service;
  readonly pods: readonly Netns[];
  readonly rounds: number;
};

/** Between two collections of garbage memory goes up and down by 20 MB: it is read when the engine had time for one. */
const memoryRestMs = 3000;
const warmServiceCalls = 1000;

const rounds = Number(process.argv[2] ?? 100);
const box = new Sandbox();
const node = box.netns("node");
const pods = Array.from({ length: 8 }, (_, i) => box.netns(`pod${i}`));
const driver = new Driver(box, node);
const service = await startService(box, node);
const lab: Lab = { box, driver, service, pods, rounds };
const rows: Row[] = [];
try {
  await warmService(lab);
  rows.push(...(await bridgeRows(lab)));
  rows.push(...(await standAloneRows(lab)));
  rows.push(...(await dualStackRows(lab)));
  rows.push(...(await hostLocalRows(lab)));
  rows.push(...(await portmapRows(lab)));
  const memory = await memoryRow(lab);
  report(rows, memory);
} finally {
  await driver[Symbol.asyncDispose]();
  box[Symbol.dispose]();
}

function bridgeConf(name: string, subnets: readonly string[]): Readonly<Record<string, unknown>> {
  const ipam = { type: "host-local", dataDir: box.dir(), ranges: subnets.map((subnet) => [{ subnet }]) };
  return { cniVersion: "1.0.0", name, type: "bridge", bridge: name, isGateway: true, ipam };
}

/** A service that has been up for a while runs compiled code: a node's first hundred calls are some two times slower. */
async function warmService(lab: Lab): Promise<void> {
  const conf = bridgeConf("warm0", ["10.12.0.0/16"]);
  for (let i = 0; i < warmServiceCalls; i++) {
    const attach = { containerId: `w${i}`, netns: lab.pods[i % lab.pods.length]?.path ?? "" };
    await call(lab.driver, lab.service.twill, "ADD", attach, conf);
    await call(lab.driver, lab.service.twill, "DEL", attach, conf);
  }
}

async function bridgeRows(lab: Lab): Promise<Row[]> {
  const { add, del } = await addDel(lab, [
    { side: reference, conf: bridgeConf("ref0", ["10.1.0.0/16"]) },
    { side: lab.service.twill, conf: bridgeConf("twill0", ["10.2.0.0/16"]) },
  ]);
  return [row("bridge + host-local ADD", 0.12, add), row("bridge + host-local DEL", 0.05, del)];
}

async function standAloneRows(lab: Lab): Promise<Row[]> {
  const { add } = await addDel(lab, [
    { side: reference, conf: bridgeConf("ref1", ["10.3.0.0/16"]) },
    { side: lab.service.standAlone, conf: bridgeConf("alone1", ["10.4.0.0/16"]) },
  ]);
  return [row("the same ADD, no service", 1.2, add)];
}

async function dualStackRows(lab: Lab): Promise<Row[]> {
  const { add } = await addDel(lab, [
    { side: reference, conf: bridgeConf("ref2", ["10.5.0.0/16", "fd05::/64"]) },
    { side: lab.service.twill, conf: bridgeConf("twill2", ["10.6.0.0/16", "fd06::/64"]) },
  ]);
  return [row("the same, dual stack, ADD", 0.1, add, 0.9)];
}

async function hostLocalRows(lab: Lab): Promise<Row[]> {
  const taken = 5000;
  const sides = [reference, lab.service.twill].map((side) => {
    const dataDir = lab.box.dir();
    mkdirSync(join(dataDir, "full"));
    for (let i = 2; i < taken + 2; i++) {
      writeFileSync(join(dataDir, "full", `10.9.${i >> 8}.${i & 255}`), `other${i}\r\neth0`);
    }
    writeFileSync(join(dataDir, "full", "last_reserved_ip.0"), `10.9.${(taken + 1) >> 8}.${(taken + 1) & 255}`);
    const ipam = { type: "host-local", dataDir, ranges: [[{ subnet: "10.9.0.0/16" }]] };
    return { side, conf: { cniVersion: "1.0.0", name: "full", type: "host-local", ipam } };
  });
  const { add } = await addDel(lab, sides);
  return [row(`host-local ADD, ${taken} taken`, 0.05, add)];
}

async function portmapRows(lab: Lab): Promise<Row[]> {
  const others = 1000;
  const portMappings = [8080, 8443].map((port, i) => ({ hostPort: 40000 + i, containerPort: port, protocol: "tcp" }));
  const bandwidth = { ingressRate: 1e8, ingressBurst: 1e7, egressRate: 1e8, egressBurst: 1e7 };
  const chainOf = (name: string, subnet: string) => [
    bridgeConf(name, [subnet]),
    { cniVersion: "1.0.0", name, type: "portmap", runtimeConfig: { portMappings } },
    { cniVersion: "1.0.0", name, type: "bandwidth", ...bandwidth },
  ];
  const sides = [
    { side: reference, plugins: chainOf("ref3", "10.7.0.0/16") },
    { side: lab.service.twill, plugins: chainOf("twill3", "10.8.0.0/16") },
  ];
  await crowd(lab, others);
  const samples: number[][] = sides.map(() => []);
  const portRounds = Math.max(10, Math.floor(lab.rounds / 4));
  for (let round = 0; round < portRounds; round++) {
    for (const [i, { side, plugins }] of sides.entries()) {
      const attach = { containerId: `m${round}`, netns: lab.pods[round % lab.pods.length]?.path ?? "" };
      const { addMs, delMs } = await chain(lab.driver, side, attach, plugins);
      await delMs();
      await Bun.sleep(settleMs);
      samples[i]?.push(addMs);
    }
  }
  return [row(`bridge + portmap (2) + bandwidth ADD, ${others} others`, 0.05, samples)];
}

/** Port mappings of so many other containers: by portmap itself on our side, as iptables-restore text on the reference's. */
async function crowd(lab: Lab, others: number): Promise<void> {
  const rules = ["*nat", ":CNI-HOSTPORT-DNAT - [0:0]", ":CNI-HOSTPORT-SETMARK - [0:0]"];
  for (let i = 0; i < others; i++) {
    const dnat = `CNI-DN-${i.toString(16).padStart(21, "0")}`;
    const pod = `10.250.${i >> 8}.${i & 255}`;
    rules.push(`:${dnat} - [0:0]`);
    rules.push(`-A CNI-HOSTPORT-DNAT -p tcp -m multiport --dports ${10000 + 2 * i},${10001 + 2 * i} -j ${dnat}`);
    for (const port of [10000 + 2 * i, 10001 + 2 * i]) {
      rules.push(`-A ${dnat} -s ${pod}/32 -p tcp --dport ${port} -j CNI-HOSTPORT-SETMARK`);
      rules.push(`-A ${dnat} -s 127.0.0.1/32 -p tcp --dport ${port} -j CNI-HOSTPORT-SETMARK`);
      rules.push(`-A ${dnat} -p tcp --dport ${port} -j DNAT --to-destination ${pod}:8080`);
    }
    const portMappings = [0, 1].map((k) => ({ hostPort: 10000 + 2 * i + k, containerPort: 8080, protocol: "tcp" }));
    const prevResult = {
      cniVersion: "1.0.0",
      interfaces: [{ name: "eth0", sandbox: "/run/netns/other" }],
      ips: [{ address: `10.251.${i >> 8}.${i & 255}/16`, interface: 0 }],
    };
    const conf = { cniVersion: "1.0.0", name: "others", type: "portmap", runtimeConfig: { portMappings }, prevResult };
    await call(lab.driver, lab.service.twill, "ADD", { containerId: `o${i}`, netns: "/run/netns/other" }, conf);
  }
  rules.push("COMMIT", "");
  lab.box.sh(node, ["iptables-restore", "--noflush"], { stdin: rules.join("\n") });
}

type Memory = { readonly calls: number; readonly halfMb: number; readonly fullMb: number };

async function memoryRow(lab: Lab): Promise<Memory> {
  const calls = 10_000;
  const conf = bridgeConf("twill4", ["10.11.0.0/16"]);
  const rss = async () => {
    await Bun.sleep(memoryRestMs);
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${lab.service.started.pid}/status`, "utf8"))?.[1]) / 1024;
  };
  let halfMb = 0;
  for (let i = 0; i < calls; i++) {
    const attach = { containerId: `r${i}`, netns: lab.pods[i % lab.pods.length]?.path ?? "" };
    await call(lab.driver, lab.service.twill, "ADD", attach, conf);
    await call(lab.driver, lab.service.twill, "DEL", attach, conf);
    if (i === calls / 2) halfMb = await rss();
  }
  return { calls, halfMb, fullMb: await rss() };
}

function report(rows: readonly Row[], memory: Memory): void {
  printRows(rows);
  const { calls, halfMb, fullMb } = memory;
  console.log(
    `service memory after ${calls / 2} and ${calls} ADD/DEL: ${halfMb.toFixed(0)} and ${fullMb.toFixed(0)} MB`,
  );
  writeResults("cni", { rows, memory });
}
