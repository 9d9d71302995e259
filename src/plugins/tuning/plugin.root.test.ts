// tuning on real interfaces, alone and beside the reference's plugin.
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { ChainedBox } from "#test/chained.ts";
import { Sandbox } from "#test/sandbox.ts";
import { makeTuning, tuning } from "./plugin.ts";

const all = { mac: "02:00:00:00:00:05", promisc: true, mtu: 1400, allmulti: true, txQLen: 77 };

function setUp() {
  const box = new Sandbox();
  const chain = new ChainedBox(box);
  return {
    ...{ box, chain, dataDir: `${box.dir()}/tuning` },
    link: () => {
      const [link] = JSON.parse(chain.ip("-j -d link show dev eth0"));
      const { address, mtu, txqlen, flags } = link;
      return {
        mac: address,
        mtu,
        txQLen: txqlen ?? 0,
        promisc: flags.includes("PROMISC"),
        allmulti: flags.includes("ALLMULTI"),
      };
    },
    sysctl: (key: string) => box.sh(chain.container, ["sysctl", "-n", key]).trim(),
    [Symbol.dispose]() {
      chain[Symbol.dispose]();
      box[Symbol.dispose]();
    },
  };
}

describe("ADD", () => {
  const mac = "02:00:00:00:00:05";
  const rows: readonly (readonly [string, object, string, object])[] = [
    ["all attributes of the configuration", all, "", all],
    [
      "mac from CNI_ARGS over the configuration's",
      { mac: "02:00:00:00:00:01" },
      `MAC=${mac};IgnoreUnknown=1;K8S=x`,
      { mac },
    ],
    ["mac from runtimeConfig over CNI_ARGS", { runtimeConfig: { mac } }, "MAC=02:00:00:00:00:01", { mac }],
    [
      "mac from args.cni over runtimeConfig",
      { args: { cni: { mac } }, runtimeConfig: { mac: "02:00:00:00:00:01" } },
      "",
      { mac },
    ],
    ["all attributes of args.cni", { mtu: 1300, args: { cni: all } }, "", all],
    ["keys in any case", { MTU: 1400, TXQLEN: 5 }, "", { mtu: 1400, txQLen: 5 }],
    [
      "false and zero",
      { allmulti: false, txQLen: 0, promisc: false, mtu: 0, mac: "" },
      "",
      { allmulti: false, txQLen: 0, mtu: 1500 },
    ],
  ];
  for (const [what, conf, args, expected] of rows) {
    test(`sets ${what}, and DEL restores what was before`, async () => {
      using t = setUp();
      const before = t.link();
      await t.chain.must(tuning, "ADD", { conf: { dataDir: t.dataDir, ...conf }, args });
      expect(t.link()).toMatchObject(expected);
      await t.chain.must(tuning, "CHECK", { conf: { dataDir: t.dataDir, ...conf }, args });
      await t.chain.must(tuning, "DEL", { conf: { dataDir: t.dataDir, ...conf }, args });
      expect(t.link()).toEqual(before);
      expect(readdirSync(t.dataDir)).toEqual([]);
      expect(t.chain.host.ledger.list("net", "tuning")).toEqual([]);
    });
  }

  test("answers with the previous result, new mac and mtu in the container's interface", async () => {
    using t = setUp();
    const result = await t.chain.must(tuning, "ADD", { conf: { dataDir: t.dataDir, ...all } });
    expect(result["interfaces"]).toEqual([
      { name: "host0" },
      { name: "eth0", mac: all.mac, mtu: 1400, sandbox: t.chain.container.path },
    ]);
    expect(result["ips"]).toHaveLength(2);
  });

  test("changes and writes nothing without attributes", async () => {
    using t = setUp();
    await t.chain.must(tuning, "ADD", { conf: { dataDir: t.dataDir } });
    expect(existsSync(t.dataDir)).toBe(false);
    expect(t.chain.host.ledger.list("net", "tuning")).toEqual([]);
  });

  test("sets sysctls, IFNAME among them, and CHECK compares those (the reference's CHECK looks for IFNAME itself)", async () => {
    using t = setUp();
    const sysctl = { "net.ipv4.conf.IFNAME.arp_filter": "1", "net.ipv4.ping_group_range": "0 1000" };
    const call = { conf: { dataDir: t.dataDir, sysctl } };
    await t.chain.must(tuning, "ADD", call);
    expect(t.sysctl("net.ipv4.conf.eth0.arp_filter")).toBe("1");
    await t.chain.must(tuning, "CHECK", call);
    t.box.sh(t.chain.container, ["sysctl", "-w", "net.ipv4.conf.eth0.arp_filter=0"]);
    expect((await t.chain.refused(tuning, "CHECK", call)).msg).toContain("net.ipv4.conf.IFNAME.arp_filter");
  });

  test("takes args.cni.sysctl without a sysctl of the configuration (the reference crashes)", async () => {
    using t = setUp();
    const args = { cni: { sysctl: { "net.ipv4.conf.IFNAME.arp_filter": "1" } } };
    await t.chain.must(tuning, "ADD", { conf: { dataDir: t.dataDir, args } });
    expect(t.sysctl("net.ipv4.conf.eth0.arp_filter")).toBe("1");
  });

  test("repeated, keeps what the first one found (the reference forgets it)", async () => {
    using t = setUp();
    const before = t.link();
    for (const mtu of [1400, 1300]) await t.chain.must(tuning, "ADD", { conf: { dataDir: t.dataDir, mtu } });
    await t.chain.must(tuning, "ADD", { conf: { dataDir: t.dataDir, txQLen: 3 } });
    await t.chain.must(tuning, "DEL", { conf: { dataDir: t.dataDir } });
    expect(t.link()).toEqual(before);
  });

  const failures: readonly (readonly [string, object, string])[] = [
    ["an MTU the link cannot have", { mtu: 70000 }, "Cannot set link eth0"],
    [
      "a sysctl that is not there",
      { sysctl: { "net.ipv4.conf.IFNAME.arp_filter": "1", "net.ipv4.nope": "1" } },
      "net.ipv4.nope",
    ],
    ["a value the sysctl refuses", { sysctl: { "net.ipv4.conf.IFNAME.arp_filter": "x" } }, "Cannot set sysctl"],
    ["a sysctl outside of net", { sysctl: { "kernel.hostname": "x" } }, "invalid net sysctl key"],
    [
      "one sysctl in two spellings",
      { sysctl: { "net.ipv4.ip_forward": "1", "net/ipv4/ip_forward": "0" } },
      "duplicated sysctl keys",
    ],
    ["a bad mac", { mac: "zz" }, '"mac"'],
    ["a negative MTU", { mtu: -1 }, '"mtu"'],
  ];
  for (const [what, conf, message] of failures) {
    test(`with ${what} fails and leaves nothing`, async () => {
      using t = setUp();
      const before = t.link();
      const call = { conf: { dataDir: t.dataDir, ...{ mac: all.mac, txQLen: 9 }, ...conf } };
      expect((await t.chain.refused(tuning, "ADD", call)).msg).toContain(message);
      expect(t.link()).toEqual(before);
      expect(t.sysctl("net.ipv4.conf.eth0.arp_filter")).toBe("0");
      expect(existsSync(t.dataDir) ? readdirSync(t.dataDir) : []).toEqual([]);
      expect(t.chain.host.ledger.list("net", "tuning")).toEqual([]);
    });
  }

  test("obeys the administrator's list of sysctls", async () => {
    using t = setUp();
    const list = `${t.box.dir()}/allowlist.conf`;
    writeFileSync(list, "^net.ipv4.conf.IFNAME.[a-z_]*$\n");
    const plugin = makeTuning(list);
    const allowed = { dataDir: t.dataDir, sysctl: { "net.ipv4.conf.IFNAME.arp_filter": "1" } };
    await t.chain.must(plugin, "ADD", { conf: allowed });
    const conf = { dataDir: t.dataDir, sysctl: { "net.ipv4.ip_forward": "1" } };
    expect((await t.chain.refused(plugin, "ADD", { conf })).msg).toContain("net.ipv4.ip_forward is not allowed");
    await t.chain.must(plugin, "DEL", { conf });
  });

  test("needs a previous result and an interface", async () => {
    using t = setUp();
    expect((await t.chain.refused(tuning, "ADD", { prevResult: false })).code).toBe(7);
    expect((await t.chain.refused(tuning, "ADD", { ifname: "eth7" })).msg).toContain('no interface "eth7"');
    expect((await t.chain.refused(tuning, "ADD", { netns: "/run/netns/nope" })).code).toBe(8);
  });
});

describe("CHECK", () => {
  const drifts: readonly (readonly [string, string])[] = [
    ["mac", "link set eth0 address 02:00:00:00:00:99"],
    ["promisc", "link set eth0 promisc off"],
    ["mtu", "link set eth0 mtu 1300"],
    ["allmulti", "link set eth0 allmulticast off"],
    ["txQLen", "link set eth0 txqueuelen 5"],
  ];
  for (const [key, command] of drifts) {
    test(`notices a changed ${key} and changes nothing`, async () => {
      using t = setUp();
      const call = { conf: { dataDir: t.dataDir, ...all } };
      await t.chain.must(tuning, "ADD", call);
      t.chain.ip(command);
      const drifted = t.link();
      expect((await t.chain.refused(tuning, "CHECK", call)).msg).toContain(`CHECK failed: ${key} of eth0 is`);
      expect(t.link()).toEqual(drifted);
    });
  }

  test("does not mind promisc that nobody configured (the reference fails)", async () => {
    using t = setUp();
    t.chain.ip("link set eth0 promisc on");
    await t.chain.must(tuning, "CHECK", { conf: { mtu: 1500 } });
  });
});

describe("DEL", () => {
  const rows: readonly (readonly [string, (t: ReturnType<typeof setUp>) => object])[] = [
    ["CNI_NETNS is empty", () => ({ netns: "" })],
    ["the namespace is gone", () => ({ netns: "/run/netns/gone" })],
    ["the path is no namespace", () => ({ netns: "/etc/hostname" })],
    ["the interface is gone", (t) => (t.chain.ip("link del eth0") === "" ? {} : {})],
    ["there is no previous result", () => ({ prevResult: false })],
    ["the configuration became invalid", (t) => ({ conf: { dataDir: t.dataDir, mtu: "x" } })],
    ["the configuration names another folder", () => ({ conf: { dataDir: "/nowhere" } })],
  ];
  for (const [what, change] of rows) {
    test(`succeeds twice and removes the backup when ${what}`, async () => {
      using t = setUp();
      const call = { conf: { dataDir: t.dataDir, mtu: 1400 } };
      await t.chain.must(tuning, "ADD", call);
      expect(readdirSync(t.dataDir)).toEqual(["pod1_eth0.json"]);
      const changed = { ...call, ...change(t) };
      for (let i = 0; i < 2; i++) await t.chain.must(tuning, "DEL", changed);
      expect(readdirSync(t.dataDir)).toEqual([]);
      expect(t.chain.host.ledger.list("net", "tuning")).toEqual([]);
    });
  }

  test("removes a backup that cannot be read", async () => {
    using t = setUp();
    mkdirSync(t.dataDir);
    writeFileSync(`${t.dataDir}/pod1_eth0.json`, "{");
    await t.chain.must(tuning, "DEL", { conf: { dataDir: t.dataDir } });
    expect(readdirSync(t.dataDir)).toEqual([]);
  });
});

test("GC removes the backups of attachments that are gone, and without a list nothing", async () => {
  using t = setUp();
  t.chain.addInterface("host1", "eth1", []);
  const conf = { dataDir: t.dataDir, mtu: 1400 };
  for (const ifname of ["eth0", "eth1"]) await t.chain.must(tuning, "ADD", { conf, ifname });
  await t.chain.must(tuning, "GC", { conf });
  expect(readdirSync(t.dataDir).sort()).toEqual(["pod1_eth0.json", "pod1_eth1.json"]);
  const valid = { "cni.dev/valid-attachments": [{ containerID: "pod1", ifname: "eth1" }] };
  await t.chain.must(tuning, "GC", { conf: { ...conf, ...valid } });
  expect(readdirSync(t.dataDir)).toEqual(["pod1_eth1.json"]);
  await t.chain.must(tuning, "GC", { conf: { ...valid }, network: "other" });
  expect(readdirSync(t.dataDir)).toEqual(["pod1_eth1.json"]);
});

test("STATUS succeeds, and says what is wrong with the configuration", async () => {
  using t = setUp();
  await t.chain.must(tuning, "STATUS");
  expect((await t.chain.refused(tuning, "STATUS", { conf: { mtu: "x" } })).msg).toContain('"mtu"');
});

describe("beside the reference", () => {
  const { txQLen: _, ...known } = all;

  test("the backup has the same bytes", async () => {
    using t = setUp();
    const conf = { dataDir: t.dataDir, ...known };
    await t.chain.must(tuning, "ADD", { conf });
    const ours = readFileSync(`${t.dataDir}/pod1_eth0.json`, "utf8");
    await t.chain.must(tuning, "DEL", { conf });
    t.chain.reference("tuning", "ADD", { conf });
    expect(readFileSync(`${t.dataDir}/pod1_eth0.json`, "utf8")).toBe(ours);
  });

  test("its DEL restores from our backup", async () => {
    using t = setUp();
    const before = t.link();
    const conf = { dataDir: t.dataDir, ...known };
    await t.chain.must(tuning, "ADD", { conf });
    t.chain.reference("tuning", "DEL", { conf });
    expect(t.link()).toEqual(before);
    expect(readdirSync(t.dataDir)).toEqual([]);
  });

  test("our DEL restores from its backup", async () => {
    using t = setUp();
    const before = t.link();
    const conf = { dataDir: t.dataDir, ...known };
    t.chain.reference("tuning", "ADD", { conf });
    expect(t.link()).toMatchObject(known);
    await t.chain.must(tuning, "CHECK", { conf });
    await t.chain.must(tuning, "DEL", { conf });
    expect(t.link()).toEqual(before);
    expect(readdirSync(t.dataDir)).toEqual([]);
  });
});
