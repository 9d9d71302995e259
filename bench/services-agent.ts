// An agent as a process of its own, for bench/services-model.ts: FOLDER NETNS SERVER CGROUP. Prints how long services took to be there, in
// milliseconds from its start, how much of that it had a processor, and then, whenever asked by a line, its resident memory in bytes.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseConfig } from "#agent/config/config.ts";
import { Agent } from "#agent/main.ts";
import { pace } from "#cli/pace.ts";
import { Netns } from "#kernel/netns.ts";
import { KubeClient } from "#kube/client.ts";
import { httpTransport } from "#kube/http-transport.ts";
import { OpenHost } from "#plugins/host.ts";
import { SweepingRemover } from "#plugins/link-remover.ts";
import { ownNamespaces } from "#plugins/service/identity.ts";

const [folder = "", netns = "", server = "", cgroup = ""] = process.argv.slice(2);

function later(run: () => void, ms: number): void {
  setTimeout(run, ms);
}

for (const sub of ["net.d", "bpf"]) mkdirSync(join(folder, sub), { recursive: true });
const config = parseConfig(`
programs: { folder: ${folder}/bpf }
services: { cgroup: ${cgroup} }
cni: { folder: ${folder}/net.d, deletes: ${folder}/deletes }
state: { folder: ${folder}/state }
`);
const [startedAt, usedBefore] = [performance.now(), process.cpuUsage()];
const agent = await Agent.start({
  ...{ config, nodeName: "n1", identity: ownNamespaces(), pace },
  client: new KubeClient(httpTransport({ server }), "twill-agent"),
  host: new OpenHost({
    ...{ netns: new Netns(netns), runDir: join(folder, "run"), remover: new SweepingRemover(later) },
    ...{ now: Date.now, sleep: Bun.sleep, random: (bytes) => crypto.getRandomValues(bytes) },
  }),
  socket: join(folder, "plugins.sock"),
  log: () => {},
});
while (agent.services?.isServing !== true) await Bun.sleep(1);
console.log(performance.now() - startedAt);
const used = process.cpuUsage(usedBefore);
console.log((used.user + used.system) / 1000);
for await (const _ of console) console.log(process.memoryUsage.rss());
process.exit(0);
