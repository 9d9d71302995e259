// flannel: what the delegate is told at each verb, and what stays on disk.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "#cni/json.ts";
import type { Attachment } from "#cni/plugin.ts";
import { runPlugin } from "#cni/serve-plugin.ts";
import { openTestHost } from "#test/ipam-node.ts";
import { RecordingPlugins } from "#test/recording-plugins.ts";
import { flannel } from "./plugin.ts";

const dual = [
  "FLANNEL_NETWORK=10.1.0.0/16",
  "FLANNEL_SUBNET=10.1.17.1/24",
  "FLANNEL_IPV6_NETWORK=fc00::/48",
  "FLANNEL_IPV6_SUBNET=fc00::1/64",
  "FLANNEL_MTU=1472",
  "FLANNEL_IPMASQ=true",
].join("\n");

const result: JsonObject = { cniVersion: "1.0.0", ips: [{ address: "10.1.17.2/24" }] };

type Changes = { readonly containerId?: string; readonly ifname?: string; readonly valid?: readonly Attachment[] };

/** A node with flanneld's file, and delegates that write down what they are told. */
class FlannelNode {
  readonly plugins = new RecordingPlugins("bridge", "ptp");
  readonly subnetFile = join(this.plugins.folder, "subnet.env");
  readonly dataDir = join(this.plugins.folder, "flannel");
  readonly #host = openTestHost(join(this.plugins.folder, "run"));

  constructor(env = dual) {
    writeFileSync(this.subnetFile, env);
    for (const type of ["bridge", "ptp"]) this.plugins.answer(type, "ADD", { stdout: result });
  }

  async call(command: string, conf: JsonObject = {}, { containerId = "c1", ifname = "eth0", valid }: Changes = {}) {
    const env = new Map([
      ["CNI_COMMAND", command],
      ["CNI_CONTAINERID", containerId],
      ["CNI_IFNAME", ifname],
      ["CNI_NETNS", "/run/netns/none"],
      ["CNI_PATH", this.plugins.bin],
      ["PATH", process.env["PATH"] ?? ""],
    ]);
    const config = {
      cniVersion: command === "GC" || command === "STATUS" ? "1.1.0" : "1.0.0",
      name: "net",
      type: "flannel",
      subnetFile: this.subnetFile,
      dataDir: this.dataDir,
      ...conf,
      ...(valid === undefined ? {} : { "cni.dev/valid-attachments": [...valid] }),
    };
    const stdin = new TextEncoder().encode(JSON.stringify(config));
    const { exitCode, stdout } = await runPlugin(flannel, { plugin: "flannel", env, stdin }, this.#host);
    return { exitCode, json: stdout === "" ? {} : (JSON.parse(stdout) as JsonObject) };
  }

  /** What the last called delegate was told. */
  get told(): JsonObject | undefined {
    return this.plugins.calls().at(-1)?.stdin;
  }

  get stored(): readonly string[] {
    return existsSync(this.dataDir) ? readdirSync(this.dataDir).sort() : [];
  }

  [Symbol.dispose](): void {
    this.#host[Symbol.dispose]();
    this.plugins[Symbol.dispose]();
  }
}

const defaults: JsonObject = {
  name: "net",
  type: "bridge",
  cniVersion: "1.0.0",
  ipMasq: false,
  mtu: 1472,
  isGateway: true,
  ipam: {
    type: "host-local",
    ranges: [[{ subnet: "10.1.17.0/24" }], [{ subnet: "fc00::/64" }]],
    routes: [{ dst: "10.1.0.0/16" }, { dst: "fc00::/48" }],
  },
};

describe("ADD tells the delegate", () => {
  const rows: readonly (readonly [what: string, conf: JsonObject, told: JsonObject])[] = [
    ["flanneld's words and defaults", {}, defaults],
    [
      "what `delegate` says first, in any case of letters",
      { delegate: { bridge: "mynet0", mtu: 1400, IPMASQ: true, isGateway: false, hairpinMode: true } },
      {
        name: "net",
        type: "bridge",
        cniVersion: "1.0.0",
        bridge: "mynet0",
        mtu: 1400,
        IPMASQ: true,
        isGateway: false,
        hairpinMode: true,
        ipam: defaults["ipam"] ?? null,
      },
    ],
    [
      "no gateway when it is no bridge",
      { delegate: { type: "ptp" } },
      { name: "net", type: "ptp", cniVersion: "1.0.0", ipMasq: false, mtu: 1472, ipam: defaults["ipam"] ?? null },
    ],
    [
      "its own IPAM with more routes and fields, and runtimeConfig",
      {
        ipam: { type: "my-ipam", other: 1, ranges: "replaced", routes: [{ dst: "10.96.0.0/12", gw: "10.1.17.20" }] },
        runtimeConfig: { mac: "02:00:00:00:00:01" },
      },
      {
        ...defaults,
        ipam: {
          type: "my-ipam",
          other: 1,
          ranges: [[{ subnet: "10.1.17.0/24" }], [{ subnet: "fc00::/64" }]],
          routes: [{ dst: "10.96.0.0/12", gw: "10.1.17.20" }, { dst: "10.1.0.0/16" }, { dst: "fc00::/48" }],
        },
        runtimeConfig: { mac: "02:00:00:00:00:01" },
      },
    ],
  ];
  for (const [what, conf, told] of rows) {
    test(what, async () => {
      using node = new FlannelNode();
      expect(await node.call("ADD", conf)).toMatchObject({ exitCode: 0, json: { ips: [{ address: "10.1.17.2/24" }] } });
      expect(node.told).toEqual(told);
      expect(JSON.parse(readFileSync(join(node.dataDir, "c1"), "utf8"))).toEqual(told);
    });
  }

  test("to masquerade when flanneld does not", async () => {
    using node = new FlannelNode(dual.replace("IPMASQ=true", "IPMASQ=false"));
    await node.call("ADD");
    expect(node.told).toMatchObject({ ipMasq: true });
  });
});

describe("ADD refuses", () => {
  const rows: readonly (readonly [what: string, conf: JsonObject, code: number, message: string])[] = [
    ["a name in delegate", { delegate: { name: "x" } }, 7, "'delegate' dictionary must not have 'name' field"],
    ["ipam in delegate", { delegate: { ipam: {} } }, 7, "'delegate' dictionary must not have 'ipam' field"],
    ["a type that is no text", { delegate: { type: 1 } }, 7, 'field "type" must be a string'],
    ["a missing subnet file", { subnetFile: "/nowhere/env" }, 11, "Cannot read /nowhere/env: ENOENT"],
    ["a delegate that is not there", { delegate: { type: "none" } }, 999, "none"],
  ];
  for (const [what, conf, code, message] of rows) {
    test(what, async () => {
      using node = new FlannelNode();
      const { exitCode, json } = await node.call("ADD", conf);
      expect([exitCode, String(json["msg"])]).toEqual([1, expect.stringContaining(message)]);
      if (code !== 999) expect(json["code"]).toBe(code);
    });
  }

  test("with the delegate's own error when that fails, and keeps no file", async () => {
    using node = new FlannelNode();
    node.plugins.answer("bridge", "ADD", { stdout: { code: 104, msg: "no luck" }, exitCode: 1 });
    expect(await node.call("ADD")).toMatchObject({ exitCode: 1, json: { code: 104, msg: "no luck" } });
    expect(node.plugins.order()).toEqual(["ADD bridge eth0"]);
    expect(node.stored).toEqual([]);
  });

  test("a second time without harm to what runs", async () => {
    using node = new FlannelNode();
    await node.call("ADD");
    const before = readFileSync(join(node.dataDir, "c1"), "utf8");
    writeFileSync(node.subnetFile, dual.replaceAll("10.1.", "10.9."));
    node.plugins.answer("bridge", "ADD", { stdout: { code: 4, msg: "exists" }, exitCode: 1 });
    expect(await node.call("ADD")).toMatchObject({ exitCode: 1 });
    expect(node.plugins.order()).toEqual(["ADD bridge eth0", "ADD bridge eth0"]);
    expect(readFileSync(join(node.dataDir, "c1"), "utf8")).toBe(before);
  });
});

describe("DEL", () => {
  test("tells the delegate what ADD told it, though flanneld has another lease, and forgets it", async () => {
    using node = new FlannelNode();
    await node.call("ADD");
    writeFileSync(node.subnetFile, dual.replaceAll("10.1.", "10.9."));
    expect(await node.call("DEL", { prevResult: result })).toMatchObject({ exitCode: 0 });
    expect(node.told).toEqual({ ...defaults, prevResult: result });
    expect(node.stored).toEqual([]);
  });

  test("keeps the file when the delegate fails", async () => {
    using node = new FlannelNode();
    await node.call("ADD");
    node.plugins.answer("bridge", "DEL", { stdout: { code: 5, msg: "later" }, exitCode: 1 });
    expect(await node.call("DEL")).toMatchObject({ exitCode: 1, json: { msg: "later" } });
    expect(node.stored).toEqual(["c1"]);
  });

  test("succeeds twice, and without flanneld's file", async () => {
    using node = new FlannelNode();
    await node.call("ADD");
    rmSync(node.subnetFile);
    expect([(await node.call("DEL")).exitCode, (await node.call("DEL")).exitCode]).toEqual([0, 0]);
    expect(node.told).toMatchObject({ name: "net", type: "bridge", ipam: { type: "host-local" } });
  });

  test("of one network leaves the file of another, which took its place, alone", async () => {
    using node = new FlannelNode();
    await node.call("ADD");
    await node.call("ADD", { name: "other" }, { ifname: "net1" });
    await node.call("DEL");
    expect(node.told).toEqual(defaults);
    expect(node.stored).toEqual(["c1"]);
    await node.call("DEL", { name: "other" }, { ifname: "net1" });
    expect(node.stored).toEqual([]);
  });

  test("with a broken file tells what can be told now, and removes it", async () => {
    using node = new FlannelNode();
    await node.call("ADD");
    writeFileSync(join(node.dataDir, "c1"), "{");
    expect((await node.call("DEL")).exitCode).toBe(0);
    expect(node.told).toEqual(defaults);
    expect(node.stored).toEqual([]);
  });
});

test("CHECK is the delegate's, with the result of ADD", async () => {
  using node = new FlannelNode();
  await node.call("ADD");
  expect(await node.call("CHECK", { prevResult: result })).toMatchObject({ exitCode: 0 });
  expect([node.plugins.order().at(-1), node.told]).toEqual(["CHECK bridge eth0", { ...defaults, prevResult: result }]);
  node.plugins.answer("bridge", "CHECK", { stdout: { code: 7, msg: "gone" }, exitCode: 1 });
  expect(await node.call("CHECK", { prevResult: result })).toMatchObject({ json: { msg: "gone" } });
});

test("GC is the delegate's, with the list, and files of the dead go", async () => {
  using node = new FlannelNode();
  await node.call("ADD", {}, { containerId: "dead" });
  await node.call("ADD", {}, { containerId: "alive" });
  await node.call("ADD", { name: "other" }, { containerId: "elsewhere" });
  await node.call("GC");
  expect(node.stored).toEqual(["alive", "dead", "elsewhere"]);
  const valid = [{ containerID: "alive", ifname: "eth0" }];
  expect(await node.call("GC", {}, { valid })).toMatchObject({ exitCode: 0 });
  expect(node.told).toEqual({ ...defaults, cniVersion: "1.1.0", "cni.dev/valid-attachments": valid });
  expect(node.stored).toEqual(["alive", "elsewhere"]);
});

test("STATUS is the delegate's, and code 50 while flanneld has no lease", async () => {
  using node = new FlannelNode();
  expect(await node.call("STATUS")).toMatchObject({ exitCode: 0 });
  rmSync(node.subnetFile);
  expect(await node.call("STATUS")).toMatchObject({ exitCode: 1, json: { code: 50 } });
});
