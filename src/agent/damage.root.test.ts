// What somebody takes away or changes of the agent's own things on the node: back in a moment, and told.

import { expect, setDefaultTimeout, test } from "bun:test";
import { addressAt, startNode, until } from "#test/agent.ts";

// Loading the programs takes a machine that is busy a second or more.
setDefaultTimeout(120_000);

const both = ["10.244.1.0/24", "fd00:10:244:1::/64"];
/** The agent lives in this process, which waits for the answer: it is asked for again. */
const reachesNow = (address: string) => ["ping", "-c", "1", "-W", "0.3", "-n", address];

test("the node's side of a pod comes back, and what a pod's namespace takes along does not", async () => {
  await using it = await startNode(both);
  const [a, b] = [await it.node.addPod("a"), await it.node.addPod("b")];
  const [four, six] = [addressAt(a.result, 0), addressAt(a.result, 1)];
  const link = a.result.interfaces?.[0]?.name ?? "";
  const elsewhere = it.box.netns("elsewhere");
  const damages: readonly (readonly [command: string, told: string])[] = [
    [`ip route del ${four}`, "put back node's route"],
    [`ip route replace ${four} dev bridge9`, "put back node's route"],
    [`ip route replace ${four} dev ${link} mtu 600`, "put back node's route"],
    [`ip route replace ${four} dev ${link} src 127.0.0.1`, "put back node's route"],
    [`ip route replace blackhole ${four}`, "put back node's route"],
    [`ip route prepend ${four} dev bridge9`, `took away unicast route ${four}/32 dev`],
    [`ip route add ${four} tos 0x10 dev bridge9`, `took away unicast route ${four}/32 dev`],
    [`ip -6 route del ${six}`, "put back node's route"],
    [`ip -6 route replace ${six} dev bridge9`, "put back node's route"],
    [`ip -6 route replace blackhole ${six}`, "put back node's route"],
    [`ip -6 route add ${six} dev bridge9 metric 5`, `took away unicast route ${six}/128 dev`],
    [`ip -6 route add unreachable ${six} metric 5`, `took away unreachable route ${six}/128 dev`],
    [`ip neigh del ${four} dev ${link}`, "put back neighbour"],
    [`ip neigh replace ${six} lladdr 02:00:00:00:00:99 dev ${link} nud permanent`, "put back neighbour"],
    [`ip neigh replace ${four} lladdr 02:00:00:00:00:99 dev ${link} nud reachable`, "put back neighbour"],
    [`ip link set ${link} down`, "put back node's"],
    [`ip link set ${link} master bridge9`, "without a master"],
    [`ip link set ${link} mtu 1300`, "put back mtu"],
    [`ip link set ${link} address 02:00:00:00:00:98`, "put back name"],
    [`tc qdisc del dev ${link} clsact`, "put back shared blocks"],
    [`tc qdisc del dev ${link} clsact; tc qdisc add dev ${link} clsact`, "put back shared blocks"],
    [
      `tc qdisc del dev ${link} clsact; tc qdisc add dev ${link} ingress_block 8 egress_block 9 clsact`,
      "put back shared",
    ],
    [`tc qdisc del dev ${link} clsact; tc qdisc add dev ${link} ingress`, "put back shared blocks"],
    [`ip link set ${link} netns ${elsewhere.name}`, "put back link"],
    [`ip link set ${link} name other`, "put back name"],
    [`ip link set ${link} group 5`, "put back name"],
    [`ip link del ${link}`, "put back link"],
  ];
  it.node.sh("ip", "link", "add", "bridge9", "up", "type", "bridge");
  const isPoliced = () => it.node.sh("tc", "qdisc").includes(`dev ${link} parent ffff:fff1 ingress_block 31`);
  const isReached = () => [four, six].every((each) => it.box.run(b.netns, reachesNow(each)).exitCode === 0);
  const isNear = () => [four, six].every((each) => it.box.run(it.node.netns, reachesNow(each)).exitCode === 0);
  await until("all is well before", () => isReached() && isNear());
  for (const [command, told] of damages) {
    it.node.log.length = 0;
    const ran = it.box.run(it.node.netns, ["sh", "-c", command]);
    expect(`${command}: ${ran.stderr}`).toBe(`${command}: `);
    const isTold = () => it.node.log.some((line) => line.startsWith("a eth0: ") && line.includes(told));
    await until(`${command}: ${told}`, isTold);
    await until(command, () => isPoliced() && isReached() && isNear());
  }
  it.box.sh(it.node.netns, ["ip", "netns", "del", b.netns.name]);
  await until("the other's record goes", () => it.node.agent.endpoints.list().length === 1);
});
