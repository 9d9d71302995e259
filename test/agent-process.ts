// An agent as a process of its own, to be killed: its API server lives and dies with it, its state does not.
// Arguments: FOLDER KILL_AT [BLOCK]; it kills itself before its KILL_AT-th system call that asks the kernel, 0: never. Its node is where it is started.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseConfig } from "#agent/config/config.ts";
import { Agent } from "#agent/main.ts";
import { pace } from "#cli/pace.ts";
import type { Reader } from "#codec/codec.ts";
import { Connection } from "#netlink/connection.ts";
import type { Request } from "#netlink/message.ts";
import { type Host, OpenHost } from "#plugins/host.ts";
import { SweepingRemover } from "#plugins/link-remover.ts";
import { ownNamespaces } from "#plugins/service/identity.ts";
import { BareServer } from "./lab/bare-server.ts";

const [folder = "", killAt = "0", block = "10.244.1.0/24"] = process.argv.slice(2);

let requests = 0;
let counting = false;
function count(): void {
  if (counting && ++requests === Number(killAt)) process.kill(process.pid, "SIGKILL");
}

class FragileConnection extends Connection {
  override tryApply(...given: Parameters<Connection["tryApply"]>): ReturnType<Connection["tryApply"]> {
    count();
    return super.tryApply(...given);
  }

  override find<T>(request: Request, read: (body: Reader, type: number) => T): T | undefined {
    count();
    return super.find(request, read);
  }
}

for (const sub of ["net.d", "bpf"]) mkdirSync(join(folder, sub), { recursive: true });
const config = parseConfig(`
programs: { folder: ${folder}/bpf }
services: { enabled: false }
cni: { folder: ${folder}/net.d, deletes: ${folder}/deletes }
state: { folder: ${folder}/state }
addresses: { cooldownSeconds: 0 }
`);
const server = new BareServer();
await server.addNode("n1", [block, "fd00:10:244:1::/64"], ["172.30.0.11"]);
const remover = new SweepingRemover((run, ms) => {
  setTimeout(run, ms);
});
const open = new OpenHost({
  ...{ runDir: join(folder, "run"), remover, now: Date.now, sleep: Bun.sleep },
  random: (bytes) => crypto.getRandomValues(bytes),
});
const route = new FragileConnection("route");
const { runDir, ledger, pools, delegates, leases, random, now, sleep, nft, nftTransactions, netfilter } = open;
const host: Host = {
  ...{
    netns: undefined,
    runDir,
    ledger,
    pools,
    delegates,
    leases,
    random,
    now,
    sleep,
    nft,
    nftTransactions,
    netfilter,
    remover,
  },
  route: () => route,
  routeIn: (inside) => new FragileConnection("route", inside),
};
remover.sweep(undefined);
const agent = await Agent.start({
  ...{ config, nodeName: "n1", client: server.client, host, identity: ownNamespaces(), pace },
  socket: join(folder, "plugins.sock"),
  log: (line) => process.stdout.write(`${line}\n`),
});
while (agent.unready() !== undefined) await Bun.sleep(2);
counting = true;
process.stdout.write("ready\n");
