// Handing a call on to another plugin, as an IPAM delegate is called.
import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ifAddr } from "#net/cidr.ts";
import { cniErrorOfAsync } from "#test/thrown.ts";
import {
  type DelegateOptions,
  delegateAdd,
  delegateCheck,
  delegateDel,
  delegateGc,
  delegateStatus,
} from "./delegate.ts";
import type { Call } from "./plugin.ts";
import { emptyResult } from "./result.ts";

const folder = mkdtempSync(join(tmpdir(), "twill-delegate-"));
afterAll(() => rmSync(folder, { recursive: true }));

// Answers ADD with an address, writes down its call, and fails as its configuration says.
const ipam = join(folder, "ipam");
writeFileSync(
  ipam,
  `#!/bin/sh
config=$(/bin/cat)
echo "$CNI_COMMAND $CNI_CONTAINERID $EXTRA $config" >> ${join(folder, "calls")}
echo "working" >&2
case $config in *fail*) echo '{"code":11,"msg":"full","details":"d"}'; exit 1;; esac
[ "$CNI_COMMAND" = ADD ] && echo '{"ips":[{"version":"4","address":"10.0.0.2/24"}]}'
exit 0
`,
);
chmodSync(ipam, 0o755);

function call(stdin: string): Call {
  return {
    command: "ADD",
    containerId: "c1",
    netns: "",
    ifname: "eth0",
    cniArgs: "",
    path: [folder],
    env: new Map([
      ["CNI_COMMAND", "ADD"],
      ["CNI_CONTAINERID", "c1"],
      ["EXTRA", "x"],
    ]),
    stdin,
    config: {},
    network: "net",
    type: "bridge",
    cniVersion: "0.4.0",
    prevResult: undefined,
    validAttachments: undefined,
  };
}

const four = { ...emptyResult, ips: [{ address: ifAddr("10.0.0.2/24") }] };

test("each verb reaches the delegate with the call's environment and the complete configuration", async () => {
  const given = call('{"name":"net"}');
  expect(await delegateAdd(given, "ipam")).toEqual(four);
  await delegateCheck(given, "ipam");
  await delegateGc(given, "ipam");
  await delegateStatus(given, "ipam");
  await delegateDel(given, "ipam");
  const written = readFileSync(join(folder, "calls"), "utf8");
  rmSync(join(folder, "calls"));
  expect(written).toBe(["ADD", "CHECK", "GC", "STATUS", "DEL"].map((verb) => `${verb} c1 x {"name":"net"}\n`).join(""));
});

test("an error of the delegate keeps its code, message and details, and stderr is passed on", async () => {
  const heard: string[] = [];
  const error = await cniErrorOfAsync(() =>
    delegateAdd(call('{"fail":1}'), "ipam", { onStderr: (text) => heard.push(text) }),
  );
  expect(error).toMatchObject({ code: 11, message: "full", details: "d" });
  expect(heard).toEqual(["working\n"]);
});

test("a configuration of its own replaces the caller's", async () => {
  const error = await cniErrorOfAsync(() => delegateDel(call("{}"), "ipam", { config: { fail: true } }));
  expect(error.code).toBe(11);
});

describe("a delegate that is not installed", () => {
  const rows: [verb: (call: Call, type: string) => Promise<unknown>, code: number][] = [
    [delegateAdd, 7],
    [delegateDel, 7],
    [delegateCheck, 7],
    [delegateGc, 7],
    [delegateStatus, 50],
  ];
  for (const [verb, code] of rows) {
    test(`${verb.name}() fails with ${code}`, async () => {
      const message = `failed to find plugin "absent" in path [${folder}]`;
      expect(await cniErrorOfAsync(() => verb(call("{}"), "absent"))).toMatchObject({ code, message });
    });
  }
});

describe("inProcess", () => {
  const ours = (seen: Call[]): DelegateOptions => ({
    inProcess: (file, type) =>
      file === ipam && type === "ipam"
        ? async (handedOn) => {
            seen.push(handedOn);
            return four;
          }
        : undefined,
  });

  test("answers instead of the file, with the same call but for the verb", async () => {
    const seen: Call[] = [];
    const given = { ...call('{"fail":1}'), command: "CHECK" as const };
    expect(await delegateAdd(given, "ipam", ours(seen))).toEqual(four);
    expect(seen).toEqual([{ ...given, command: "ADD" }]);
  });

  test("reads a configuration of its own as the executable would", async () => {
    const seen: Call[] = [];
    const prevResult = { cniVersion: "1.0.0", ips: [{ address: "10.0.0.2/24" }] };
    const config = { cniVersion: "1.0.0", name: "other", type: "ipam", prevResult };
    await delegateDel(call("{}"), "ipam", { ...ours(seen), config });
    expect(seen).toMatchObject([
      {
        command: "DEL",
        network: "other",
        type: "ipam",
        cniVersion: "1.0.0",
        config,
        stdin: JSON.stringify(config),
        prevResult: four,
        containerId: "c1",
      },
    ]);
  });

  test("leaves other files to be executed", async () => {
    expect(await delegateAdd(call("{}"), "ipam", { inProcess: () => undefined })).toEqual(four);
  });
});
