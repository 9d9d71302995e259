// A process of tests: masquerades and releases pods of a few subnets, again and again, beside others that do the same.
// Arguments: NAME ROUNDS; the namespace it runs in is the node.

import { ifAddr } from "#net/cidr.ts";
import { OpenHost } from "#plugins/host.ts";
import { addMasquerade, checkMasquerade, removeMasquerade } from "#plugins/masquerade.ts";

const [name = "", rounds] = process.argv.slice(2);
using host = new OpenHost({
  runDir: "/nowhere",
  random: (bytes) => bytes,
  now: () => 0,
  sleep: (ms) => Bun.sleep(ms),
});
for (let i = 0; i < Number(rounds); i++) {
  const owner = { network: "net", containerId: `${name}-${i}`, ifname: "eth0", plugin: "bridge" };
  const ips = [ifAddr(`10.${i % 3}.${Number(name)}.5/16`), ifAddr(`fd0${i % 3}::${name}/64`)];
  addMasquerade(host, owner, ips);
  checkMasquerade(host, owner, ips);
  removeMasquerade(host, owner, ips);
}
