// Executing a plugin as a process: its answer, its failures and its end.
import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, closeSync, copyFileSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ifAddr } from "#net/cidr.ts";
import { cniErrorOf, cniErrorOfAsync } from "#test/thrown.ts";
import { execPlugin, resultOf, throwIfFailed } from "./exec.ts";
import { emptyResult } from "./result.ts";

const folder = mkdtempSync(join(tmpdir(), "twill-exec-"));
afterAll(() => rmSync(folder, { recursive: true }));

const path = new Map([["PATH", "/usr/bin:/bin"]]);

function script(name: string, body: string): string {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
}

describe("execPlugin()", () => {
  test("hands over exactly this environment and input, and brings back what was printed", async () => {
    const file = script("echo", 'cat; echo "$CNI_COMMAND:$HOME" >&2; exit 3');
    const outcome = await execPlugin(file, new Map([...path, ["CNI_COMMAND", "ADD"]]), "the input ä");
    expect(outcome).toEqual({ exitCode: 3, stdout: "the input ä", stderr: "ADD:\n" });
  });

  test("does not mind a plugin that leaves its input unread", async () => {
    const file = script("deaf", "exec 0<&-; echo '{}'");
    expect(await execPlugin(file, path, "x".repeat(1_000_000))).toEqual({ exitCode: 0, stdout: "{}\n", stderr: "" });
  });

  test("reports a plugin ended by a signal as failed", async () => {
    const outcome = await execPlugin(script("dead", "kill -9 $$"), path, "");
    expect(outcome.exitCode).not.toBe(0);
  });

  test("kills the plugin when its signal fires", async () => {
    const started = performance.now();
    const outcome = await execPlugin(script("slow", "exec sleep 20"), path, "", { signal: AbortSignal.timeout(50) });
    expect(outcome.exitCode).not.toBe(0);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test("stops a plugin that prints without end", async () => {
    const error = await cniErrorOfAsync(() => execPlugin(script("yes", "exec yes"), path, ""));
    expect(error).toMatchObject({ code: 5 });
    expect(error.message).toEndWith("printed more than 8388608 bytes and was stopped");
  });

  const rows: [what: string, make: () => string, reason: string][] = [
    ["is missing", () => join(folder, "absent"), "ENOENT"],
    [
      "may not be executed",
      () => {
        const file = script("no-mode", "exit 0");
        chmodSync(file, 0o644);
        return file;
      },
      "EACCES",
    ],
  ];
  for (const [what, make, reason] of rows) {
    test(`says that a file ${what}`, async () => {
      const file = make();
      const error = await cniErrorOfAsync(() => execPlugin(file, path, ""));
      expect(error).toMatchObject({ code: 5, message: `Cannot execute the plugin ${file}: ${reason}` });
    });
  }

  test("waits for an executable that is still being written", async () => {
    const file = join(folder, "busy");
    copyFileSync("/bin/true", file);
    chmodSync(file, 0o755);
    const writer = openSync(file, "r+");
    const pauses: number[] = [];
    const outcome = await execPlugin(file, path, "", {
      sleep: async (ms) => {
        pauses.push(ms);
        if (pauses.length === 2) closeSync(writer);
      },
    });
    expect({ exitCode: outcome.exitCode, pauses }).toEqual({ exitCode: 0, pauses: [1000, 1000] });
  });

  test("does not wait for it for ever", async () => {
    const file = join(folder, "busy-for-ever");
    copyFileSync("/bin/true", file);
    chmodSync(file, 0o755);
    const writer = openSync(file, "r+");
    let pauses = 0;
    const sleep = async () => void pauses++;
    const error = await cniErrorOfAsync(() => execPlugin(file, path, "", { sleep }));
    closeSync(writer);
    expect(error.message).toEndWith("busy-for-ever: ETXTBSY");
    expect(pauses).toBe(5);
  });
});

describe("throwIfFailed() reads", () => {
  const rows: [what: string, stdout: string, stderr: string, error: object][] = [
    ["a plugin's error", '{"code":7,"msg":"m","details":"d"}', "noise", { code: 7, message: "m", details: "d" }],
    ["keys in any case", '{"Code":11,"MSG":"m"}', "", { code: 11, message: "m", details: "" }],
    ["an error without code", '{"msg":"m"}', "", { code: 999, message: "m" }],
    ["an error without message", '{"code":100}', "", { code: 100, message: "host-local failed: exit status 1" }],
    [
      "stderr alone",
      "",
      'panic: "x"\n',
      { code: 999, message: 'netplugin failed: "panic: \\"x\\"\\n": exit status 1' },
    ],
    ["nothing", " \n", "", { code: 999, message: "netplugin failed with no error message: exit status 1" }],
    [
      "what is no JSON",
      "oops",
      "",
      { code: 999, message: 'netplugin failed but error parsing its diagnostic message "oops": exit status 1' },
    ],
    [
      "JSON that is no error",
      '{"code":"x"}',
      "",
      {
        code: 999,
        message: 'netplugin failed but error parsing its diagnostic message "{\\"code\\":\\"x\\"}": exit status 1',
      },
    ],
  ];
  for (const [what, stdout, stderr, error] of rows) {
    test(what, () => {
      const thrown = cniErrorOf(() => throwIfFailed({ exitCode: 1, stdout, stderr }, "host-local"));
      expect(thrown).toMatchObject(error);
    });
  }
  test("no error in exit code 0", () => throwIfFailed({ exitCode: 0, stdout: "oops", stderr: "" }, "host-local"));
});

describe("resultOf()", () => {
  const four = { ...emptyResult, ips: [{ address: ifAddr("10.0.0.2/24") }] };
  test("reads a result without version as the configuration's", () => {
    const outcome = { exitCode: 0, stdout: '{"ip4":{"ip":"10.0.0.2/24"}}', stderr: "" };
    expect(resultOf(outcome, "0.2.0", "host-local")).toEqual(four);
  });
  test("takes null", () => {
    expect(resultOf({ exitCode: 0, stdout: "null", stderr: "" }, "1.0.0", "x")).toEqual(emptyResult);
  });
  const rows: [stdout: string, code: number, message: string][] = [
    ["", 6, "the result of host-local is not JSON: it is empty"],
    ["[]", 6, "the result of host-local: the input must be an object, found a list"],
    [
      '{"ips":[{"address":1}]}',
      6,
      'the result of host-local: field "ips[0].address" must be an address with a prefix length, like 10.1.2.3/24, found 1',
    ],
    ['{"cniVersion":"7"}', 1, 'the result of host-local: cniVersion is "7", known are'],
  ];
  for (const [stdout, code, message] of rows) {
    test(`refuses ${JSON.stringify(stdout)}`, () => {
      const error = cniErrorOf(() => resultOf({ exitCode: 0, stdout, stderr: "" }, "1.0.0", "host-local"));
      expect(error.code).toBe(code);
      expect(error.message).toStartWith(message);
    });
  }
});
