// The same calls to the reference's plugins and to ours: results and the container's state agree, but for the listed differences.
import { expect, setDefaultTimeout, test } from "bun:test";
import { Node } from "./peers/node.ts";
import { referencePlugins } from "./peers/reference-plugins.ts";
import { builtPlugins } from "./peers/twill.ts";
import { Sandbox } from "./sandbox.ts";

setDefaultTimeout(300_000);

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type Config = { readonly [key: string]: Json };

/** A way in which ours answers otherwise, by intent: the path of the value, as `result.interfaces.0.mtu`. */
type Difference = { readonly path: RegExp; readonly reason: string };

const intended: readonly Difference[] = [
  {
    path: /^loopback: result\.ips\.\d\.version$/,
    reason: "results before 1.0.0 must name the family, and the reference does not",
  },
  {
    path: /^bridge without .*: checked$/,
    reason: "the reference's CHECK refuses a container that has no addresses by design",
  },
  {
    path: /^bridge with the static plugin: checked$/,
    reason: "the reference's CHECK misses a route that went by the subnet's gateway because none was named",
  },
  {
    path: /^bridge with the static plugin: result\.dns/,
    reason: "as later releases of the reference, we keep what the IPAM plugin says",
  },
  { path: /: (state|port)\..*\.txqlen$/, reason: "the kernel's default, where the reference sets a queue of length 0" },
  { path: /: (state|port)\..*\.num_[rt]x_queues$/, reason: "one queue a pair is faster to make and holds less memory" },
  { path: /\.nodad$/, reason: "an address that IPAM has given out is unique: no second is lost on detection" },
  {
    path: /^ptp.*\.noprefixroute$/,
    reason: "the subnet's route is not made, where the reference makes and removes it",
  },
];

const range4 = { subnet: "10.70.0.0/24" };
const range6 = { subnet: "fd00:70::/64" };
const default4 = { dst: "0.0.0.0/0" };
const default6 = { dst: "::/0" };
const one = { type: "host-local", ranges: [[range4]], routes: [default4, { dst: "192.0.2.0/24", gw: "10.70.0.9" }] };
const dual = { type: "host-local", ranges: [[range4], [range6]], routes: [default4, default6] };
const fixed = {
  type: "static",
  addresses: [{ address: "10.71.0.5/24", gateway: "10.71.0.1" }, { address: "fd00:71::5/64" }],
  routes: [{ dst: "198.51.100.0/24" }],
  dns: { nameservers: ["192.0.2.53"], domain: "pods.test", search: ["a.test"], options: ["ndots:2"] },
};
const container = "container";
const bridge = { type: "bridge", bridge: "br0" };

const rows: readonly (readonly [string, Config])[] = [
  ["loopback", { type: "loopback" }],
  ["bridge without addresses", bridge],
  ["bridge without addresses, ipam {}", { ...bridge, ipam: {} }],
  ["bridge with addresses", { ...bridge, ipam: one }],
  ["bridge as gateway", { ...bridge, isGateway: true, ipam: one }],
  ["bridge as default gateway", { ...bridge, isDefaultGateway: true, ipam: { ...one, routes: [] } }],
  ["bridge by both families", { ...bridge, isGateway: true, ipMasq: true, ipam: dual }],
  ["bridge with an MTU", { ...bridge, isGateway: true, mtu: 1400, ipam: one }],
  ["bridge with hairpin", { ...bridge, isGateway: true, hairpinMode: true, ipam: one }],
  ["bridge in promiscuous mode", { ...bridge, isGateway: true, promiscMode: true, ipam: one }],
  ["bridge with the static plugin", { ...bridge, ipam: fixed }],
  ["ptp", { type: "ptp", ipam: one }],
  ["ptp by both families, masqueraded, with an MTU", { type: "ptp", ipMasq: true, mtu: 1300, ipam: dual }],
  ["ptp with the DNS of its configuration", { type: "ptp", ipam: one, dns: { nameservers: ["192.0.2.1"] } }],
  ["macvlan", { type: "macvlan", master: "up0", ipam: one }],
  ["macvlan in private mode with an MTU", { type: "macvlan", master: "up0", mode: "private", mtu: 1400, ipam: dual }],
  ["macvlan without addresses", { type: "macvlan", master: "up0", ipam: {} }],
];

const met = new Set<Difference>();

test.each(["0.3.1", "1.0.0"])("results of version %s and states are the reference's", (cniVersion) => {
  using box = new Sandbox();
  using theirs = new Node(box, "theirs");
  using ours = new Node(box, "ours");
  for (const node of [theirs, ours]) {
    node.sh(["ip", "link", "add", "up0", "mtu", "1450", "up", "type", "veth", "peer", "up1"]);
    node.sh(["ip", "link", "set", "up1", "up"]);
  }
  for (const [label, config] of rows) {
    const stdin = { cniVersion, name: "net", ...config };
    const expected = observed(theirs, referencePlugins(), stdin);
    const found = observed(ours, builtPlugins(), stdin);
    const differing = differences(found, expected, "").filter((path) => {
      const difference = intended.find((each) => each.path.test(`${label}: ${path.split(" ")[0]}`));
      if (difference !== undefined) met.add(difference);
      return difference === undefined;
    });
    expect([label, differing]).toEqual([label, []]);
  }
});

test("no difference is listed in vain", () => {
  expect(intended.filter((difference) => !met.has(difference))).toEqual([]);
});

/** What ADD prints and makes, and what is left of it after CHECK and DEL, without the names and numbers of one run. */
function observed(node: Node, path: string, config: Config): Json {
  node.sh(["ip", "netns", "add", container]);
  const call = (command: string, more: Config = {}) => {
    const { exitCode, stdout } = node.run([`${path}/${config["type"]}`], {
      stdin: JSON.stringify({ ...config, ...more }),
      env: {
        ...{ CNI_COMMAND: command, CNI_CONTAINERID: "c1", CNI_NETNS: `/run/netns/${container}`, CNI_IFNAME: "eth0" },
        ...{ CNI_PATH: path },
      },
    });
    return { exitCode, stdout };
  };
  const added = call("ADD");
  const result = (added.stdout === "" ? null : JSON.parse(added.stdout)) as Json;
  const state = stateOf(node);
  const port = JSON.parse(node.sh(["ip", "-j", "-d", "link", "show", "type", "veth"])) as Json;
  const checked = config["cniVersion"] === "0.3.1" ? 0 : call("CHECK", { prevResult: result }).exitCode;
  const deleted = [call("DEL", { prevResult: result }).exitCode, call("DEL").exitCode];
  const left = stateOf(node);
  const hostLinks = JSON.parse(node.sh(["ip", "-j", "link"])) as Json;
  node.run(["ip", "link", "del", "br0"]);
  node.sh(["ip", "netns", "del", container]);
  return masked({ exitCode: added.exitCode, result, state, port, checked, deleted, left, hostLinks });
}

function stateOf(node: Node): Json {
  const seen = (...words: string[]) => JSON.parse(node.sh(["ip", "-n", container, "-j", ...words])) as Json;
  return { addresses: seen("-d", "addr"), routes4: seen("-4", "route"), routes6: seen("-6", "route") };
}

/** Names, numbers and addresses that each run makes up, and times. */
const madeUp = [
  [/\bveth[0-9a-f]{8}\b/g, "VETH"],
  [/\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, "MAC"],
  [/\bfe80::[0-9a-f:]+/g, "LINK-LOCAL"],
  [/\/run\/netns\/\w+/g, "NETNS"],
] as const;
const varying = new Set([
  ...["ifindex", "link_index", "link_netnsid", "valid_life_time", "preferred_life_time", "linkmode", "id", "bridge_id"],
  ...["root_id", "forward_delay", "gc_timer", "hello_timer", "designated_root", "designated_bridge", "no", "port_no"],
  ...["qdisc", "operstate", "flags", "tentative", "expires", "forward_delay_timer"],
]);

function masked(value: Json): Json {
  if (typeof value === "string") return madeUp.reduce((text, [pattern, word]) => text.replace(pattern, word), value);
  if (isList(value)) return value.filter((each) => !isLinkLocal(each)).map(masked);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      // The reference writes an empty `dns` from version 1.0.0 on; it says what none says.
      .filter(([key, held]) => !varying.has(key) && !(key === "dns" && Bun.deepEquals(held, {})))
      .map(([key, held]) => [key, masked(held)]),
  );
}

/** It comes when the link's carrier does, a moment after ADD. */
function isLinkLocal(value: Json): boolean {
  if (!isObject(value)) return false;
  return (value["family"] === "inet6" && value["scope"] === "link") || value["dst"] === "fe80::/64";
}

/** `PATH is FOUND instead of EXPECTED` for every value that differs. */
function differences(found: Json | undefined, expected: Json | undefined, path: string): readonly string[] {
  if (isObject(found) && isObject(expected)) {
    const keys = [...new Set([...Object.keys(found), ...Object.keys(expected)])];
    return keys.flatMap((key) => differences(found[key], expected[key], path === "" ? key : `${path}.${key}`));
  }
  if (Bun.deepEquals(found, expected)) return [];
  return [`${path} is ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`];
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null;
}
