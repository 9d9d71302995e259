// bandwidth on real veth pairs, alone and beside the reference's plugin.
import { describe, expect, test } from "bun:test";
import { ChainedBox } from "#test/chained.ts";
import { Sandbox } from "#test/sandbox.ts";
import { ifbName, referenceIfbName } from "./ifb-name.ts";
import { bandwidth } from "./plugin.ts";

const both = { ingressRate: 1_000_000, ingressBurst: 80_000, egressRate: 2_000_000, egressBurst: 160_000 };
type Shown = { readonly dev: string; readonly burst?: number; readonly lat?: number; readonly rate?: number };
const pod = { network: "net", containerId: "pod1", ifname: "eth0" };

function setUp() {
  const box = new Sandbox();
  const chain = new ChainedBox(box);
  const sh = (command: string) => box.sh(chain.node, command.split(" "));
  return {
    ...{ box, chain, sh },
    /** All of traffic control on the node but the kernel's defaults. */
    qdiscs: () =>
      JSON.parse(sh("tc -j qdisc show"))
        .filter(({ handle }: { handle: string }) => handle !== "0:")
        .map(({ kind, dev, options }: { kind: string; dev: string; options: Record<string, unknown> }) => {
          const { linklayer: _, ...rest } = options;
          return { kind, dev, ...rest };
        }),
    links: () =>
      JSON.parse(sh("ip -j link show"))
        .map(({ ifname }: { ifname: string }) => ifname)
        .sort(),
    filters: () => sh("tc filter show dev host0 parent ffff:"),
    [Symbol.dispose]() {
      chain[Symbol.dispose]();
      box[Symbol.dispose]();
    },
  };
}

function forget({ chain }: ReturnType<typeof setUp>): object {
  chain.host.ledger.remove({ ...pod, plugin: "bandwidth" });
  return {};
}

describe("ADD", () => {
  test("shapes both directions, appends the ifb to the result, and DEL removes everything", async () => {
    using t = setUp();
    t.sh("ip link set host0 mtu 1450");
    const ifb = ifbName(pod);
    const result = await t.chain.must(bandwidth, "ADD", { conf: both });
    expect(result["interfaces"]).toEqual([
      { name: "host0" },
      { name: "eth0", sandbox: t.chain.container.path },
      { name: ifb, mac: expect.stringMatching(/^(..:){5}..$/), mtu: 1450 },
    ]);
    expect(t.qdiscs()).toEqual([
      { kind: "tbf", dev: "host0", rate: 125000, burst: 10000, lat: 25000 },
      { kind: "ingress", dev: "host0" },
      { kind: "tbf", dev: ifb, rate: 250000, burst: 20000, lat: 25000 },
    ]);
    const [link] = JSON.parse(t.sh(`ip -j link show dev ${ifb}`));
    expect(link).toMatchObject({ mtu: 1450 });
    expect(link.flags).toContain("UP");
    expect(t.filters()).toContain(`mirred (Egress Redirect to device ${ifb}) stolen`);
    await t.chain.must(bandwidth, "CHECK", { conf: both });
    await t.chain.must(bandwidth, "DEL", { conf: both });
    expect(t.qdiscs()).toEqual([]);
    expect(t.links()).toEqual(["host0", "lo"]);
    expect(t.chain.host.ledger.list("net", "bandwidth")).toEqual([]);
  });

  test("shapes one direction alone", async () => {
    using t = setUp();
    const ingress = { ingressRate: 1_000_000, ingressBurst: 80_000 };
    const result = await t.chain.must(bandwidth, "ADD", { conf: ingress });
    expect(result["interfaces"]).toHaveLength(2);
    expect(t.qdiscs()).toMatchObject([{ kind: "tbf", dev: "host0" }]);
    await t.chain.must(bandwidth, "ADD", { conf: { egressRate: 1_000_000, egressBurst: 80_000 } });
    expect(t.qdiscs()).toMatchObject([{ kind: "ingress" }, { kind: "tbf", dev: ifbName(pod) }]);
  });

  test("passes the result through when there is nothing to shape", async () => {
    using t = setUp();
    const result = await t.chain.must(bandwidth, "ADD");
    expect(result).toMatchObject({ interfaces: [{ name: "host0" }, { name: "eth0" }] });
    expect(t.qdiscs()).toEqual([]);
    await t.chain.must(bandwidth, "CHECK");
  });

  test("repeated with other rates, replaces them (the reference fails with EEXIST)", async () => {
    using t = setUp();
    await t.chain.must(bandwidth, "ADD", { conf: both });
    const conf = { ...both, ingressRate: 8_000_000, egressRate: 4_000_000 };
    await t.chain.must(bandwidth, "ADD", { conf });
    expect(t.qdiscs()).toMatchObject([{ rate: 1_000_000 }, { kind: "ingress" }, { rate: 500_000 }]);
    await t.chain.must(bandwidth, "CHECK", { conf });
    expect((await t.chain.refused(bandwidth, "CHECK", { conf: both })).msg).toContain(
      "CHECK failed: the root qdisc of",
    );
  });

  test("shapes two interfaces of one container (the reference gives both ifbs one name)", async () => {
    using t = setUp();
    t.chain.addInterface("host1", "eth1", []);
    const second = {
      conf: both,
      ifname: "eth1",
      prevResult: { interfaces: [{ name: "host1" }, { name: "eth1", sandbox: "/x" }], ips: [] },
    };
    await t.chain.must(bandwidth, "ADD", { conf: both });
    await t.chain.must(bandwidth, "ADD", second);
    expect(t.qdiscs()).toHaveLength(6);
    await t.chain.must(bandwidth, "DEL", { conf: both });
    expect(t.qdiscs()).toHaveLength(3);
    await t.chain.must(bandwidth, "CHECK", second);
  });

  test("leaves another's clsact qdisc and its filters as they are", async () => {
    using t = setUp();
    t.sh("tc qdisc add dev host0 clsact");
    t.sh("tc filter add dev host0 ingress prio 1 protocol all u32 match u32 0 0 flowid 1:1");
    const before = t.sh("tc filter show dev host0 ingress");
    await t.chain.must(bandwidth, "ADD", { conf: both });
    await t.chain.must(bandwidth, "CHECK", { conf: both });
    expect(t.sh("tc filter show dev host0 ingress")).toContain(`Redirect to device ${ifbName(pod)}`);
    await t.chain.must(bandwidth, "DEL", { conf: both });
    expect(t.sh("tc filter show dev host0 ingress")).toBe(before);
    expect(t.qdiscs()).toMatchObject([{ kind: "clsact" }]);
  });

  test("slows down what the container sends and receives", async () => {
    using t = setUp();
    t.sh("ip addr add 10.1.0.1/24 dev host0");
    const ping = () => {
      const started = performance.now();
      t.chain.box.sh(t.chain.container, ["ping", "-q", "-c", "12", "-i", "0.002", "-s", "1400", "10.1.0.1"]);
      return performance.now() - started;
    };
    const rate = { egressRate: 160_000, egressBurst: 24_000 };
    await t.chain.must(bandwidth, "ADD", { conf: rate });
    // 12 packets of 1442 bytes, 3000 at once and the rest at 20000 bytes a second; a queue of 500 bytes drops some.
    const sent = t.box.run(t.chain.container, [
      "ping",
      "-q",
      "-c",
      "12",
      "-i",
      "0.002",
      "-s",
      "1400",
      "-W",
      "1",
      "10.1.0.1",
    ]);
    expect(sent.stdout).toMatch(/1?\d+% packet loss/);
    expect(sent.stdout).not.toContain(" 0% packet loss");
    await t.chain.must(bandwidth, "DEL", { conf: rate });
    // With the limit it takes that long on any machine.
    expect(Math.min(ping(), ping(), ping())).toBeLessThan(1000);
  });

  const failures: readonly (readonly [string, (t: ReturnType<typeof setUp>) => object, string])[] = [
    ["there is no previous result", () => ({ prevResult: false }), "chained plugin"],
    ["the interface does not exist", () => ({ ifname: "eth7" }), 'there is no interface "eth7"'],
    ["the interface is no veth", () => ({ ifname: "lo" }), "is no veth"],
    [
      "the host's end is not in the previous result",
      () => ({ prevResult: { interfaces: [{ name: "eth9" }] } }),
      "in prevResult",
    ],
    [
      "the host's end is said to be in a sandbox",
      () => ({ prevResult: { interfaces: [{ name: "host0", sandbox: "/x" }] } }),
      "in prevResult",
    ],
    ["the burst is missing", () => ({ conf: { ingressRate: 8 } }), "burst must also be set"],
    [
      "another link has the ifb's place",
      (t) => (t.sh(`ip link add ${ifbName(pod)} type bridge`) === "" ? {} : {}),
      "EEXIST",
    ],
  ];
  for (const [what, change, message] of failures) {
    test(`fails and leaves nothing when ${what}`, async () => {
      using t = setUp();
      const changed = change(t);
      const links = t.links();
      expect((await t.chain.refused(bandwidth, "ADD", { conf: both, ...changed })).msg).toContain(message);
      expect(t.qdiscs()).toEqual([]);
      expect(t.links()).toEqual(links);
      expect(t.chain.host.ledger.list("net", "bandwidth")).toEqual([]);
    });
  }
});

describe("CHECK", () => {
  const ifb = ifbName(pod);
  const drifts: readonly (readonly [string, string, string])[] = [
    ["a missing bucket", "tc qdisc del dev host0 root", "the root qdisc of host0 is the kernel's default"],
    ["another rate", `tc qdisc change dev ${ifb} root handle 1: tbf rate 1mbit burst 20000b latency 25ms`, `of ${ifb}`],
    ["a missing ifb", `ip link del ${ifb}`, "there is no ifb"],
    ["an ifb that is down", `ip link set ${ifb} down`, "is down"],
    ["a missing redirection", "tc qdisc del dev host0 ingress", "does not redirect"],
  ];
  for (const [what, command, message] of drifts) {
    test(`notices ${what} and changes nothing`, async () => {
      using t = setUp();
      await t.chain.must(bandwidth, "ADD", { conf: both });
      t.sh(command);
      const before = [t.qdiscs(), t.links()];
      expect((await t.chain.refused(bandwidth, "CHECK", { conf: both })).msg).toContain(message);
      expect([t.qdiscs(), t.links()]).toEqual(before);
    });
  }
});

describe("DEL", () => {
  const rows: readonly (readonly [string, (t: ReturnType<typeof setUp>) => object])[] = [
    ["all is there", () => ({})],
    ["CNI_NETNS is empty", () => ({ netns: "" })],
    ["the namespace is gone", () => ({ netns: "/run/netns/gone" })],
    ["the interface is gone", (t) => (t.chain.ip("link del eth0") === "" ? {} : {})],
    ["there is no previous result", () => ({ prevResult: false })],
    ["the configuration became invalid", () => ({ conf: { ingressRate: "x" } })],
    ["the configuration shapes nothing any more", () => ({ conf: {} })],
    ["the record is lost", forget],
  ];
  for (const [what, change] of rows) {
    test(`succeeds twice and removes everything when ${what}`, async () => {
      using t = setUp();
      await t.chain.must(bandwidth, "ADD", { conf: both });
      const changed = { conf: both, ...change(t) };
      for (let i = 0; i < 2; i++) await t.chain.must(bandwidth, "DEL", changed);
      expect(t.links().filter((name: string) => name.startsWith("bwp"))).toEqual([]);
      if (what !== "the record is lost") expect(t.qdiscs()).toEqual([]);
      expect(t.chain.host.ledger.list("net", "bandwidth")).toEqual([]);
    });
  }
});

test("GC removes the shaping of attachments that are gone, and without a list nothing", async () => {
  using t = setUp();
  await t.chain.must(bandwidth, "ADD", { conf: both });
  await t.chain.must(bandwidth, "GC", { conf: both });
  const list = (containerID: string) => ({ "cni.dev/valid-attachments": [{ containerID, ifname: "eth0" }] });
  await t.chain.must(bandwidth, "GC", { conf: { ...both, ...list("pod1") } });
  expect(t.qdiscs()).toHaveLength(3);
  await t.chain.must(bandwidth, "GC", { conf: { ...both, ...list("pod2") } });
  expect(t.qdiscs()).toEqual([]);
  expect(t.links()).toEqual(["host0", "lo"]);
});

test("STATUS succeeds, and says what is wrong with the configuration", async () => {
  using t = setUp();
  await t.chain.must(bandwidth, "STATUS", { conf: both });
  expect((await t.chain.refused(bandwidth, "STATUS", { conf: { ingressRate: 8 } })).msg).toContain(
    "burst must also be set",
  );
});

describe("beside the reference", () => {
  const rows: readonly (readonly [string, object])[] = [
    ["a megabit", both],
    ["odd numbers", { ingressRate: 12_345_678, ingressBurst: 987_654, egressRate: 1_000_001, egressBurst: 65_537 }],
    ["100 gigabits", { egressRate: 100_000_000_000, egressBurst: 8_000_000_000 }],
    ["the smallest", { ingressRate: 8, ingressBurst: 8 }],
    ["the runtime's", { runtimeConfig: { bandWidth: both } }],
  ];
  for (const [what, conf] of rows) {
    test(`shapes ${what} alike, and each passes the other's CHECK`, async () => {
      using t = setUp();
      // The reference cuts the burst's time to whole microseconds: what passes in a few of them is no difference.
      const list = () =>
        t.qdiscs().map(({ dev, ...rest }: Shown) => {
          const { burst = 0, lat = 0, rate = 0 } = rest;
          const us = rate === 0 ? 0 : Math.round((burst / rate) * 100_000);
          return { ...rest, dev: dev.replace(/^bwp[0-9a-f]{12}$/, "ifb"), burst: us, lat: Math.floor(lat / 10) };
        });
      await t.chain.must(bandwidth, "ADD", { conf });
      const ours = list();
      if (!("egressRate" in conf || "runtimeConfig" in conf)) t.chain.reference("bandwidth", "CHECK", { conf });
      await t.chain.must(bandwidth, "DEL", { conf });
      t.chain.reference("bandwidth", "ADD", { conf });
      expect(ours).toEqual(list());
      await t.chain.must(bandwidth, "CHECK", { conf });
    });
  }

  const ifb = referenceIfbName(pod);
  test("DEL removes its ifb, which the result of ADD names", async () => {
    using t = setUp();
    const result = t.chain.reference("bandwidth", "ADD", { conf: both });
    expect(t.links()).toContain(ifb);
    await t.chain.must(bandwidth, "DEL", { conf: both, prevResult: result, cniVersion: "1.0.0" });
    expect(t.links()).toEqual(["host0", "lo"]);
  });

  test("DEL without a result removes its ifb once nothing feeds it, and not that of another interface", async () => {
    using t = setUp();
    t.chain.reference("bandwidth", "ADD", { conf: both });
    await t.chain.must(bandwidth, "DEL", { conf: both, ifname: "eth1", prevResult: false, netns: "" });
    expect(t.links()).toContain(ifb);
    t.chain.ip("link del eth0");
    await t.chain.must(bandwidth, "DEL", { conf: both, prevResult: false, netns: "" });
    expect(t.links()).toEqual(["lo"]);
  });

  test("ADD takes its place", async () => {
    using t = setUp();
    t.chain.reference("bandwidth", "ADD", { conf: both });
    await t.chain.must(bandwidth, "ADD", { conf: both });
    expect(t.links()).toEqual([ifbName(pod), "host0", "lo"].sort());
    expect(t.filters().match(/Redirect to device \S+\) stolen/g)).toEqual([
      `Redirect to device ${ifbName(pod)}) stolen`,
    ]);
    await t.chain.must(bandwidth, "CHECK", { conf: both });
  });
});
