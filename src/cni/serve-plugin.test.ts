// Serving a plugin: one call in, result or error out.
import { describe, expect, test } from "bun:test";
import { ifAddr } from "#net/cidr.ts";
import { CniError } from "./error.ts";
import type { Call, Outcome, Plugin } from "./plugin.ts";
import { requirePrevResult } from "./plugin.ts";
import { emptyResult, type Result } from "./result.ts";
import { runPlugin, type ServeOptions, sameNetns } from "./serve-plugin.ts";
import { specVersions, versionsFrom } from "./version.ts";

/** What the plugin under test writes its calls into, and what its functions shall do. */
type Notebook = { calls: Call[]; result: Result; error?: unknown; delError?: unknown };

const oneAddress: Result = { ...emptyResult, ips: [{ address: ifAddr("10.0.0.2/24") }] };

const plugin: Plugin<Notebook> = {
  name: "note",
  about: "note: writes down how it was called",
  versions: specVersions,
  add: (call, host) => {
    note(call, host);
    return host.result;
  },
  del: async (call, host) => {
    note(call, host);
    if (host.delError !== undefined) throw host.delError;
  },
  check: note,
  gc: note,
  status: note,
};

function note(call: Call, host: Notebook): void {
  host.calls.push(call);
  if (host.error !== undefined) throw host.error;
}

const complete = { CNI_CONTAINERID: "c1", CNI_NETNS: "/run/netns/c1", CNI_IFNAME: "eth0", CNI_PATH: "/opt/cni/bin" };
const prevResult = { cniVersion: "1.0.0", ips: [{ address: "10.0.0.2/24" }] };

async function run(
  command: string,
  stdin: object | string | Uint8Array,
  more: {
    env?: Record<string, string>;
    host?: Partial<Notebook>;
    plugin?: Partial<Plugin<Notebook>>;
  } & ServeOptions = {},
): Promise<Outcome & { calls: Call[]; error: { code: number; msg: string; details?: string; cniVersion: string } }> {
  const host: Notebook = { calls: [], result: oneAddress, ...more.host };
  const outcome = await runPlugin(
    { ...plugin, ...more.plugin },
    {
      plugin: "note",
      env: new Map(Object.entries({ ...complete, CNI_COMMAND: command, ...more.env })),
      stdin: bytesOf(stdin),
    },
    host,
    more,
  );
  return { ...outcome, calls: host.calls, error: outcome.exitCode === 0 ? undefined : JSON.parse(outcome.stdout) };
}

function bytesOf(stdin: object | string | Uint8Array): Uint8Array {
  if (stdin instanceof Uint8Array) return stdin;
  return new TextEncoder().encode(typeof stdin === "string" ? stdin : JSON.stringify(stdin));
}

test("ADD prints the result in the configuration's version", async () => {
  const { exitCode, stdout, stderr, calls } = await run("ADD", { cniVersion: "0.3.1", name: "net", type: "note" });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toBe(`{
    "cniVersion": "0.3.1",
    "ips": [
        {
            "version": "4",
            "address": "10.0.0.2/24"
        }
    ],
    "dns": {}
}
`);
  expect(calls).toHaveLength(1);
});

describe("ADD answers in every version: the empty string is 0.1.0", () => {
  for (const version of ["", ...specVersions]) {
    test(`"${version}"`, async () => {
      const { stdout } = await run("ADD", { cniVersion: version, name: "net", type: "note" });
      expect(JSON.parse(stdout).cniVersion).toBe(version === "" ? "0.1.0" : version);
    });
  }
});

test("the plugin gets the whole call", async () => {
  const stdin = { CNIVersion: "1.0.0", Name: "net", type: "note", prevResult, some: { thing: 1 } };
  const { calls } = await run("ADD", stdin, { env: { CNI_ARGS: "A=1", CNI_PATH: "/a:/b", EXTRA: "x" } });
  expect(calls).toMatchObject([
    {
      command: "ADD",
      containerId: "c1",
      netns: "/run/netns/c1",
      ifname: "eth0",
      cniArgs: "A=1",
      path: ["/a", "/b"],
      stdin: JSON.stringify(stdin),
      config: stdin,
      network: "net",
      type: "note",
      cniVersion: "1.0.0",
      prevResult: oneAddress,
      validAttachments: undefined,
    },
  ]);
  expect(calls[0]?.env.get("EXTRA")).toBe("x");
});

describe("verbs without a result print nothing", () => {
  for (const command of ["DEL", "CHECK", "GC", "STATUS"]) {
    test(command, async () => {
      const outcome = await run(command, { cniVersion: "1.1.0", name: "net", type: "note", prevResult });
      expect(outcome).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
      expect(outcome.calls.map((call) => call.command)).toEqual([command as "DEL"]);
    });
  }
});

describe("GC reads the attachments still in use", () => {
  const attachments = [{ containerID: "c1", ifname: "eth0" }];
  const rows: [name: string, stdin: object, expected: unknown][] = [
    ["a list", { "cni.dev/valid-attachments": attachments }, attachments],
    ["an empty list", { "cni.dev/valid-attachments": [] }, []],
    ["no list", {}, undefined],
  ];
  for (const [name, stdin, expected] of rows) {
    test(name, async () => {
      const { calls } = await run("GC", { cniVersion: "1.1.0", name: "net", type: "note", ...stdin });
      expect(calls[0]?.validAttachments).toEqual(expected as []);
    });
  }
});

describe("VERSION", () => {
  const answer = `{"cniVersion":"1.1.0","supportedVersions":["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}\n`;
  for (const stdin of ["", "garbage", '{"cniVersion":"1.0.0"}']) {
    test(`answers whatever stdin holds: ${JSON.stringify(stdin)}`, async () => {
      expect(await run("VERSION", stdin)).toMatchObject({ exitCode: 0, stdout: answer, calls: [] });
    });
  }
  test("needs no other variable", async () => {
    const empty = { CNI_CONTAINERID: "", CNI_NETNS: "", CNI_IFNAME: "", CNI_PATH: "" };
    expect(await run("VERSION", "", { env: empty })).toMatchObject({ exitCode: 0, stdout: answer });
  });
  test("lists what the plugin takes", async () => {
    const { stdout } = await run("VERSION", "", { plugin: { versions: versionsFrom("0.4.0") } });
    expect(JSON.parse(stdout).supportedVersions).toEqual(["0.4.0", "1.0.0", "1.1.0"]);
  });
});

test("without CNI_COMMAND the plugin says what it is, on stderr", async () => {
  expect(await run("", "")).toMatchObject({
    exitCode: 0,
    stdout: "",
    stderr:
      "note: writes down how it was called\nCNI protocol versions supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n",
  });
});

describe("bad input is refused before the plugin is called", () => {
  const name = "net";
  const rows: [what: string, command: string, stdin: object | string, code: number, msg: string][] = [
    ["empty stdin", "ADD", "", 6, "the network configuration on standard input is not JSON: it is empty"],
    ["a list", "ADD", "[1]", 6, "the network configuration on standard input is not a JSON object"],
    ["null", "ADD", "null", 7, "missing network name"],
    ["no name", "ADD", {}, 7, "missing network name"],
    ["an empty name", "DEL", { name: "" }, 7, "missing network name"],
    ["a bad name", "ADD", { cniVersion: "0.4.0", name: "te%%st" }, 7, "invalid characters found in network name"],
    ["a name that is no text", "ADD", { name: 5 }, 7, 'note: field "name" must be a string, found 5'],
    ["an unknown version", "ADD", { name, cniVersion: "9.8.7" }, 1, "incompatible CNI versions"],
    ["an unknown version", "CHECK", { name, cniVersion: "adsfsadf" }, 1, "incompatible CNI versions"],
    [
      "a version that is no text",
      "ADD",
      { name, cniVersion: 3 },
      7,
      'note: field "cniVersion" must be a string, found 3',
    ],
    ["too old a version", "CHECK", { name, cniVersion: "0.3.1" }, 1, "config version does not allow CHECK"],
    ["no version", "CHECK", { name }, 1, "config version does not allow CHECK"],
    ["too old a version", "GC", { name, cniVersion: "1.0.0" }, 1, "config version does not allow GC"],
    ["too old a version", "STATUS", { name, cniVersion: "0.3.0" }, 1, "config version does not allow STATUS"],
    [
      "no prevResult",
      "CHECK",
      { name, cniVersion: "1.0.0" },
      7,
      "note: Required prevResult missing: CHECK compares with the result of ADD",
    ],
    [
      "a broken prevResult",
      "ADD",
      { name, cniVersion: "1.0.0", prevResult: { ips: [{ address: "x" }] } },
      7,
      'note: prevResult: field "ips[0].address" must be an address with a prefix length, like 10.1.2.3/24, found "x"',
    ],
    [
      "broken attachments",
      "GC",
      { name, cniVersion: "1.1.0", "cni.dev/valid-attachments": [{ ifname: "eth0" }] },
      7,
      'note: field "cni.dev/valid-attachments[0].containerID" is missing: it must be a string',
    ],
    ["an unknown command", "FOO", "", 4, "unknown CNI_COMMAND: FOO"],
  ];
  for (const [what, command, stdin, code, msg] of rows) {
    test(`${command} with ${what}`, async () => {
      const outcome = await run(command, stdin);
      expect(outcome.exitCode).toBe(1);
      expect(outcome.error).toMatchObject({ code, msg });
      expect(outcome.calls).toEqual([]);
    });
  }
  test("half a JSON object", async () => expect((await run("ADD", "{")).error.code).toBe(6));
  test("bytes that are no text", async () => expect((await run("ADD", new Uint8Array([255, 0]))).error.code).toBe(6));
  test("a configuration without end", async () => {
    expect((await run("ADD", new Uint8Array(9 * 1024 * 1024))).error).toMatchObject({
      code: 6,
      msg: "the network configuration has 9437184 bytes, at most 8388608 are read",
    });
  });
  test("JSON nested without end", async () => {
    expect((await run("ADD", `${"[".repeat(500_000)}`)).error.code).toBe(6);
  });
});

test("a version that the plugin does not take is refused with the list of those it does", async () => {
  const narrow = { plugin: { versions: versionsFrom("0.4.0") } };
  const { error, calls } = await run("ADD", { name: "net", cniVersion: "0.3.1" }, narrow);
  expect(error).toMatchObject({
    code: 1,
    msg: "incompatible CNI versions",
    details: 'config is "0.3.1", plugin supports ["0.4.0" "1.0.0" "1.1.0"]',
  });
  expect(calls).toEqual([]);
  expect((await run("ADD", { name: "net" }, narrow)).error.details).toStartWith('config is "0.1.0"');
});

describe("an error is printed on stdout", () => {
  const config = { name: "net", cniVersion: "0.4.0" };
  const rows: [what: string, thrown: unknown, printed: object][] = [
    ["as the plugin made it", new CniError(11, "later", { details: "d" }), { code: 11, msg: "later", details: "d" }],
    [
      "with 999 if it has no code",
      new Error("boom", { cause: new Error("why") }),
      { code: 999, msg: "boom", details: "why" },
    ],
    ["even when it is no error", "text", { code: 999, msg: "text" }],
  ];
  for (const [what, thrown, printed] of rows) {
    test(what, async () => {
      const outcome = await run("ADD", config, { host: { error: thrown } });
      expect(outcome.exitCode).toBe(1);
      expect(outcome.error).toEqual({ cniVersion: "0.4.0", ...printed } as typeof outcome.error);
    });
  }
  test("in the configuration's version, even when that is all that can be read", async () => {
    expect((await run("ADD", { cniVersion: "0.3.0", name: "%" })).error.cniVersion).toBe("0.3.0");
    expect((await run("ADD", "{")).error.cniVersion).toBe("1.1.0");
  });
});

describe("a prevResult that cannot be read does not stop", () => {
  for (const command of ["DEL", "GC"]) {
    test(command, async () => {
      const stdin = { name: "net", cniVersion: "1.1.0", prevResult: { ips: 5 } };
      const { exitCode, stderr, calls } = await run(command, stdin);
      expect({ exitCode, stderr }).toEqual({
        exitCode: 0,
        stderr: `note: prevResult: field "ips" must be a list, found 5; ${command} goes on without it\n`,
      });
      expect(calls[0]?.prevResult).toBeUndefined();
    });
  }
});

describe("a result that the version cannot express", () => {
  const config = { name: "net", cniVersion: "0.2.0" };
  test("undoes the ADD", async () => {
    const { error, calls } = await run("ADD", config, { host: { result: emptyResult } });
    expect(error).toMatchObject({ code: 2, msg: "cannot convert: no valid IP addresses" });
    expect(calls.map((call) => call.command)).toEqual(["ADD", "DEL"]);
  });
  test("is reported even when the undoing fails", async () => {
    const host = { result: emptyResult, delError: new Error("EBUSY") };
    const { error, stderr } = await run("ADD", config, { host });
    expect(error.code).toBe(2);
    expect(stderr).toBe("note: cannot undo ADD: EBUSY\n");
  });
});

describe("the host's check of the namespace", () => {
  const checkNetns = (call: Call) => {
    throw sameNetns(call.netns);
  };
  const config = { name: "net", cniVersion: "1.1.0", prevResult };
  const rows: [command: string, env: Record<string, string>, refused: boolean][] = [
    ["ADD", {}, true],
    ["DEL", {}, true],
    ["DEL", { CNI_NETNS: "" }, false],
    ["ADD", { CNI_NETNS_OVERRIDE: "true" }, false],
    ["CHECK", {}, false],
    ["GC", {}, false],
    ["STATUS", {}, false],
  ];
  for (const [command, env, refused] of rows) {
    test(`${refused ? "stops" : "does not stop"} ${command} ${JSON.stringify(env)}`, async () => {
      const outcome = await run(command, config, { env, checkNetns });
      expect(outcome.exitCode).toBe(refused ? 1 : 0);
      expect(outcome.calls).toHaveLength(refused ? 0 : 1);
      if (refused) expect(outcome.error.code).toBe(8);
    });
  }
});

test("requirePrevResult() says how a chained plugin is used", async () => {
  const chained = { add: (call: Call) => requirePrevResult(call) };
  const config = { name: "net", cniVersion: "1.0.0", type: "tuning" };
  const { error } = await run("ADD", config, { plugin: chained });
  expect(error.code).toBe(7);
  expect(error.msg).toStartWith("tuning must be called as chained plugin");
  expect((await run("ADD", { ...config, prevResult }, { plugin: chained })).exitCode).toBe(0);
});
