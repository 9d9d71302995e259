// host-local as runtimes see it: results, errors, and the files it leaves.
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { JsonObject } from "#cni/json.ts";
import { type IpamCall, IpamNode } from "#test/ipam-node.ts";
import { hostLocal } from "./plugin.ts";

const v4: JsonObject = { ranges: [[{ subnet: "10.1.0.0/24" }]] };
const dual: JsonObject = { ranges: [[{ subnet: "10.1.0.0/29" }], [{ subnet: "fd00::/64" }]] };

/** One call on a node; the ranges are `v4` unless given. */
function callOf(node: IpamNode) {
  return (command: string, containerId = "c1", more: Omit<IpamCall, "command" | "containerId"> = {}) =>
    node.call(hostLocal, { command, containerId, ipam: v4, ...more });
}

/** The network's files and what they hold. */
function files(node: IpamNode, network = "net"): Record<string, string> {
  const folder = `${node.dataDir}/${network}`;
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  return Object.fromEntries(names.map((name) => [name, readFileSync(`${folder}/${name}`, "utf8")]));
}

describe("ADD", () => {
  test("gives one address of each set and writes the reference's files", async () => {
    using node = new IpamNode();
    const { json } = await callOf(node)("ADD", "c1", {
      ipam: { ...dual, routes: [{ dst: "0.0.0.0/0" }, { dst: "fd01::/64", gw: "fd00::9", mtu: 1400 }] },
    });
    expect(json).toEqual({
      cniVersion: "1.0.0",
      ips: [
        { address: "10.1.0.2/29", gateway: "10.1.0.1" },
        { address: "fd00::2/64", gateway: "fd00::1" },
      ],
      routes: [{ dst: "0.0.0.0/0" }, { dst: "fd01::/64", gw: "fd00::9", mtu: 1400 }],
    });
    expect(files(node)).toEqual({
      "10.1.0.2": "c1\r\neth0",
      "fd00::2": "c1\r\neth0",
      "last_reserved_ip.0": "10.1.0.2",
      "last_reserved_ip.1": "fd00::2",
      lock: "",
    });
    expect(statSync(`${node.dataDir}/net/10.1.0.2`).mode & 0o777).toBe(0o600);
  });

  test("goes round, and does not give a released address again at once", async () => {
    using node = new IpamNode();
    const call = callOf(node);
    const ipam = { ranges: [[{ subnet: "10.1.0.0/29" }]] };
    const given: string[] = [];
    for (let i = 0; i < 7; i++) {
      given.push(...(await call("ADD", `c${i}`, { ipam })).addresses);
      await call("DEL", `c${i}`, { ipam });
    }
    expect(given.map((address) => address.split("/")[0])).toEqual(
      [2, 3, 4, 5, 6, 2, 3].map((last) => `10.1.0.${last}`),
    );
  });

  test("again for the same interface gives the same addresses, and another interface gets its own", async () => {
    using node = new IpamNode();
    const call = callOf(node);
    const first = await call("ADD", "c1", { ipam: dual });
    expect((await call("ADD", "c1", { ipam: dual })).addresses).toEqual([...first.addresses]);
    using restarted = node.restarted();
    const later = await node.call(hostLocal, { command: "ADD", containerId: "c1", ipam: dual }, restarted);
    expect(later.addresses).toEqual([...first.addresses]);
    expect((await call("ADD", "c1", { ipam: dual, ifname: "eth1" })).addresses).toEqual(["10.1.0.3/29", "fd00::3/64"]);
  });

  test("again with the address it has asks for nothing new; with another one it gets that too", async () => {
    using node = new IpamNode();
    const call = callOf(node);
    await call("ADD", "c1", { args: "IP=10.1.0.7" });
    expect((await call("ADD", "c1", { args: "IP=10.1.0.7" })).addresses).toEqual(["10.1.0.7/24"]);
    expect((await call("ADD", "c1", { args: "IP=10.1.0.9" })).addresses).toEqual(["10.1.0.9/24"]);
    await call("DEL");
    expect(Object.keys(files(node))).toEqual(["last_reserved_ip.0", "lock"]);
  });

  const asked: readonly (readonly [where: string, more: Partial<IpamCall>, addresses: readonly string[]])[] = [
    ["CNI_ARGS", { args: "IgnoreUnknown=1;K8S_POD_NAME=x;IP=10.1.0.77" }, ["10.1.0.77/24"]],
    ["args.cni.ips", { conf: { args: { cni: { ips: ["10.1.0.78"] } } } }, ["10.1.0.78/24"]],
    ["runtimeConfig.ips", { conf: { runtimeConfig: { ips: ["10.1.0.79/16"] } } }, ["10.1.0.79/24"]],
    ["two of them, the same", { args: "IP=10.1.0.7", conf: { runtimeConfig: { ips: ["10.1.0.7"] } } }, ["10.1.0.7/24"]],
    [
      "a set each",
      {
        ipam: { ranges: [...(v4["ranges"] as []), [{ subnet: "fd00::/64" }]] },
        conf: { runtimeConfig: { ips: ["fd00::5", "10.1.0.5"] } },
      },
      ["10.1.0.5/24", "fd00::5/64"],
    ],
  ];
  for (const [where, more, addresses] of asked) {
    test(`gives the address asked for by ${where}`, async () => {
      using node = new IpamNode();
      expect((await callOf(node)("ADD", "c1", more)).addresses).toEqual([...addresses]);
    });
  }

  test("takes ranges from the runtime first, then the old single form, then the list", async () => {
    using node = new IpamNode();
    const { addresses } = await callOf(node)("ADD", "c1", {
      ipam: { subnet: "10.2.0.0/24", rangeStart: "10.2.0.9", gateway: "", ranges: [[{ Subnet: "10.3.0.0/24" }]] },
      conf: { runtimeConfig: { ipRanges: [[{ subnet: "10.4.0.0/24" }]] } },
    });
    expect(addresses).toEqual(["10.4.0.2/24", "10.2.0.9/24", "10.3.0.2/24"]);
  });

  test("answers with DNS of the file that ipam.resolvConf names", async () => {
    using node = new IpamNode();
    writeFileSync(`${node.dir}/resolv.conf`, "nameserver 192.0.2.1\n");
    const { json } = await callOf(node)("ADD", "c1", { ipam: { ...v4, resolvConf: `${node.dir}/resolv.conf` } });
    expect((json as { dns?: unknown }).dns).toEqual({ nameservers: ["192.0.2.1"] });
  });

  test("takes back an address whose owner died before it wrote its name", async () => {
    using node = new IpamNode();
    mkdirSync(`${node.dataDir}/net`);
    for (const last of [2, 3, 4, 5, 6]) writeFileSync(`${node.dataDir}/net/10.1.0.${last}`, "");
    const { addresses } = await callOf(node)("ADD", "c1", { ipam: { ranges: [[{ subnet: "10.1.0.0/29" }]] } });
    expect(addresses).toEqual(["10.1.0.2/29"]);
    expect(Object.keys(files(node))).toEqual(["10.1.0.2", "last_reserved_ip.0", "lock"]);
  });
});

describe("a failing ADD leaves nothing and says why", () => {
  const rows: readonly (readonly [what: string, more: Partial<IpamCall>, code: number, message: string])[] = [
    [
      "a pool without room",
      {
        ipam: {
          ranges: [
            [{ subnet: "fd00::/64" }],
            [{ subnet: "10.1.0.0/30", rangeStart: "10.1.0.1", rangeEnd: "10.1.0.1" }],
          ],
        },
      },
      999,
      'failed to allocate for range 1 of network "net": no IP addresses available in range set: 10.1.0.1-10.1.0.1',
    ],
    ["the gateway asked for", { args: "IP=10.1.0.1" }, 999, "requested ip 10.1.0.1 is subnet's gateway"],
    ["an address outside asked for", { args: "IP=10.9.0.1" }, 999, "failed to allocate all requested IPs: 10.9.0.1"],
    [
      "two of one set asked for",
      { conf: { args: { cni: { ips: ["10.1.0.5", "10.1.0.6"] } } } },
      999,
      "failed to allocate all requested IPs: 10.1.0.6",
    ],
    ["no ranges", { ipam: {} }, 7, 'no IP ranges specified: network "net" needs ipam.ranges'],
    ["an odd CNI_ARGS", { args: "IP=here" }, 4, "IP in CNI_ARGS"],
    [
      "overlapping sets",
      { ipam: { ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "10.1.0.0/16" }]] } },
      7,
      "range set 0 overlaps with 1",
    ],
    [
      "a subnet that is none",
      { ipam: { ranges: [[{ subnet: "10.1.0.0" }]] } },
      7,
      'field "ipam.ranges[0][0].subnet" must be',
    ],
    [
      "two sets of a family in an old version",
      { cniVersion: "0.2.0", ipam: { ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "10.2.0.0/24" }]] } },
      7,
      "CNI version 0.2.0 does not support more than 1 address per family",
    ],
    [
      "a resolv.conf that is gone",
      { ipam: { ...v4, resolvConf: "/nowhere/resolv.conf" } },
      5,
      "/nowhere/resolv.conf: ENOENT",
    ],
  ];
  for (const [what, more, code, message] of rows) {
    test(what, async () => {
      using node = new IpamNode();
      const answer = await callOf(node)("ADD", "c1", more);
      expect([answer.code, answer.msg]).toEqual([code, expect.stringContaining(message)]);
      expect(answer.msg).toStartWith("host-local: ");
      expect(Object.keys(files(node)).filter((name) => /^[0-9a-f]*[.:]/.test(name))).toEqual([]);
    });
  }

  test("an address of another container, with the pool named", async () => {
    using node = new IpamNode();
    const call = callOf(node);
    await call("ADD", "c1", { args: "IP=10.1.0.7" });
    const { msg } = await call("ADD", "c2", { args: "IP=10.1.0.7" });
    expect(msg).toContain("requested IP address 10.1.0.7 is not available in range set 10.1.0.1-10.1.0.254");
  });

  test("what it held before the failing call stays", async () => {
    using node = new IpamNode();
    const call = callOf(node);
    await call("ADD");
    expect((await call("ADD", "c1", { args: "IP=10.9.0.1" })).exitCode).toBe(1);
    expect(files(node)["10.1.0.2"]).toBe("c1\r\neth0");
  });

  test("a file where the folder should be", async () => {
    using node = new IpamNode();
    writeFileSync(`${node.dataDir}/net`, "");
    const call = callOf(node);
    expect((await call("ADD")).msg).toBe(
      `host-local: Cannot use ${node.dataDir}/net: ENOTDIR (a part of the path is a file: set ipam.dataDir to another folder)`,
    );
    expect(await call("DEL")).toMatchObject({ exitCode: 0 });
    expect(await call("STATUS", "", { cniVersion: "1.1.0" })).toMatchObject({ code: 50 });
  });
});

describe("DEL", () => {
  const broken: readonly JsonObject[] = [
    {},
    { ranges: [] },
    { ranges: "none" },
    { ranges: [[{ subnet: "10.9.0.1/24" }]] },
  ];
  for (const ipam of broken) {
    test(`releases with ipam ${JSON.stringify(ipam)}`, async () => {
      using node = new IpamNode();
      const call = callOf(node);
      await call("ADD");
      expect(await call("DEL", "c1", { ipam })).toMatchObject({ exitCode: 0, json: null });
      expect(files(node)["10.1.0.2"]).toBeUndefined();
    });
  }

  test("of what never was, twice, or without a folder succeeds and makes none", async () => {
    using node = new IpamNode();
    const call = callOf(node);
    expect((await call("DEL")).exitCode).toBe(0);
    expect(existsSync(`${node.dataDir}/net`)).toBe(false);
    await call("ADD");
    expect([(await call("DEL")).exitCode, (await call("DEL")).exitCode]).toEqual([0, 0]);
  });

  test("releases a file that names the container alone, unless one names the interface", async () => {
    using node = new IpamNode();
    const call = callOf(node);
    mkdirSync(`${node.dataDir}/net`);
    writeFileSync(`${node.dataDir}/net/10.1.0.9`, "c1\n");
    writeFileSync(`${node.dataDir}/net/10.1.0.10`, " c1\r\neth0\n");
    expect((await call("ADD", "c1", { ifname: "eth5" })).msg).toContain("10.1.0.9 has been allocated to c1, duplicate");
    await call("DEL");
    expect(Object.keys(files(node))).toEqual(["10.1.0.9", "lock"]);
    await call("DEL");
    expect(Object.keys(files(node))).toEqual(["lock"]);
  });
});

describe("CHECK", () => {
  const check = (node: IpamNode, ips: readonly string[], containerId = "c1") =>
    callOf(node)("CHECK", containerId, {
      conf: { prevResult: { cniVersion: "1.0.0", ips: ips.map((address) => ({ address })) } },
    });

  test("passes for the addresses that ADD gave, and those of another range are not its business", async () => {
    using node = new IpamNode();
    await callOf(node)("ADD");
    expect(await check(node, ["10.1.0.2/24", "192.0.2.1/24"])).toMatchObject({ exitCode: 0 });
  });

  test("fails for an address it did not give, or gave to another, or when it gave none", async () => {
    using node = new IpamNode();
    await callOf(node)("ADD");
    await callOf(node)("ADD", "c2");
    expect((await check(node, ["10.1.0.3/24"])).msg).toContain("has 10.1.0.3 in");
    expect((await check(node, ["10.1.0.3/24"], "c3")).msg).toContain("has no address in");
    rmSync(`${node.dataDir}/net`, { recursive: true });
    expect((await check(node, ["10.1.0.2/24"])).msg).toContain("has no address in");
  });
});

describe("GC", () => {
  test("releases all but the living, and without a list nothing", async () => {
    using node = new IpamNode();
    const call = callOf(node);
    for (const id of ["c1", "c2", "c3"]) await call("ADD", id);
    await call("ADD", "c3", { ifname: "eth1" });
    writeFileSync(`${node.dataDir}/net/10.1.0.99`, "c2");
    writeFileSync(`${node.dataDir}/net/10.1.0.98`, "c9");
    const gc = { cniVersion: "1.1.0", ipam: {} };
    expect(await call("GC", "", gc)).toMatchObject({ exitCode: 0 });
    expect(Object.keys(files(node))).toHaveLength(8);
    const valid = [
      { containerID: "c2", ifname: "eth0" },
      { containerID: "c3", ifname: "eth1" },
    ];
    expect(await call("GC", "", { ...gc, valid })).toMatchObject({ exitCode: 0 });
    expect(Object.keys(files(node))).toEqual(["10.1.0.3", "10.1.0.5", "10.1.0.99", "last_reserved_ip.0", "lock"]);
    expect(await call("GC", "", { ...gc, valid: [] })).toMatchObject({ exitCode: 0 });
    expect(Object.keys(files(node))).toEqual(["last_reserved_ip.0", "lock"]);
  });
});

describe("STATUS", () => {
  test("is well before the first ADD and fails with code 50 when a pool is full", async () => {
    using node = new IpamNode();
    const call = callOf(node);
    const more = { cniVersion: "1.1.0", ipam: { ranges: [[{ subnet: "10.1.0.0/30" }]] } };
    expect(await call("STATUS", "", more)).toMatchObject({ exitCode: 0 });
    expect(existsSync(`${node.dataDir}/net`)).toBe(false);
    await call("ADD", "c1", more);
    const { code, msg } = await call("STATUS", "", more);
    expect([code, msg]).toEqual([
      50,
      `host-local: network "net" has no IP addresses available in range set: 10.1.0.1-10.1.0.2 (all 1 are taken in ${node.dataDir}/net)`,
    ]);
    await call("DEL", "c1", more);
    expect(await call("STATUS", "", more)).toMatchObject({ exitCode: 0 });
  });
});

describe("the index in memory", () => {
  test("follows every change that another process makes, in the same instant too", async () => {
    using node = new IpamNode();
    const call = callOf(node);
    for (let round = 0; round < 50; round++) {
      const [mine = ""] = (await call("ADD", `mine${round}`)).addresses;
      const next = `10.1.0.${Number(mine.split(/[./]/)[3]) + 1}`;
      writeFileSync(`${node.dataDir}/net/${next}`, `theirs${round}\r\neth0`);
      expect((await call("ADD", `theirs${round}`)).addresses).toEqual([`${next}/24`]);
      await call("DEL", `theirs${round}`);
      expect(existsSync(`${node.dataDir}/net/${next}`)).toBe(false);
      await call("DEL", `mine${round}`);
    }
  });

  test("never releases a file that is not the container's", async () => {
    using node = new IpamNode();
    const call = callOf(node);
    await call("ADD", "c1");
    // In place: the folder does not change.
    writeFileSync(`${node.dataDir}/net/10.1.0.2`, "c2\r\neth0");
    await call("DEL", "c1");
    expect(files(node)["10.1.0.2"]).toBe("c2\r\neth0");
    expect((await call("ADD", "c2")).addresses).toEqual(["10.1.0.2/24"]);
  });

  test("holds for calls at once: each container has an address of its own", async () => {
    using node = new IpamNode();
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => callOf(node)("ADD", `c${i}`)));
    expect(new Set(answers.flatMap(({ addresses }) => addresses)).size).toBe(100);
  });
});
