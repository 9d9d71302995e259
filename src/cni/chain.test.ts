// Chains of foreign plugins: the order of calls, what each gets, where a chain stops, and what is remembered.

import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  attachment,
  cacheKey,
  failureOf,
  finalResult,
  mainResult,
  networkWith,
  recordingChain,
} from "#test/recording-chain.ts";
import { cacheFile } from "./cache.ts";
import { addNetworkList, checkNetworkList, delNetworkList } from "./chain.ts";
import type { Json } from "./json.ts";
import type { Runtime } from "./runtime.ts";

describe("addNetworkList()", () => {
  test("calls forwards, hands each result on as it came, returns and caches the last", async () => {
    using set = recordingChain();
    const { plugins, runtime } = set;
    expect(await addNetworkList(runtime, networkWith(), attachment)).toEqual(finalResult);
    expect(plugins.order()).toEqual(["ADD main eth0", "ADD meta eth0"]);
    const [main, meta] = plugins.calls();
    expect(main).toMatchObject({
      containerId: "c1",
      netns: "/run/netns/c1",
      ifname: "eth0",
      args: "IgnoreUnknown=1;A=b",
      path: `/nowhere:${plugins.bin}`,
    });
    expect(JSON.stringify(main?.stdin)).toBe(
      '{"z":1,"type":"main","capabilities":{"mac":true,"portMappings":false,"ips":true},' +
        '"name":"net","cniVersion":"1.1.0","runtimeConfig":{"mac":"02:00:00:00:00:01"}}',
    );
    expect(JSON.stringify(meta?.stdin)).toBe(
      '{"type":"meta","name":"net","capabilities":{"portMappings":true},"a":{"deep":[null,1.5,"ü"]},' +
        `"cniVersion":"1.1.0","prevResult":${JSON.stringify(mainResult)},"runtimeConfig":{"portMappings":[{"hostPort":80}]}}`,
    );
    const entry = JSON.parse(readFileSync(cacheFile(runtime.cacheDir, cacheKey), "utf8"));
    expect(entry).toMatchObject({
      kind: "cniCacheV1",
      netns: "/run/netns/c1",
      result: finalResult,
      cniArgs: attachment.args,
    });
    expect(entry.capabilityArgs).toEqual(attachment.capabilityArgs);
    expect(Buffer.from(entry.config, "base64").toString()).toBe(networkWith().text);
  });

  test("leaves runtimeConfig out when no capability is asked for, and a written one alone", async () => {
    using set = recordingChain();
    const { plugins, runtime } = set;
    const conf = networkWith({ plugins: [{ type: "main", runtimeConfig: { own: 1 } }, { type: "meta" }] });
    await addNetworkList(runtime, conf, attachment);
    expect(plugins.calls().map(({ stdin }) => stdin["runtimeConfig"])).toEqual([{ own: 1 }, undefined]);
  });

  test.each<[string, Json, Json]>([
    ["a result without a version gets the configuration's", { ips: [] }, { cniVersion: "1.1.0", ips: [] }],
    ["null is an empty result", "null", { cniVersion: "1.1.0" }],
    [
      "a result of another version is converted",
      { cniVersion: "0.4.0", ips: [{ version: "4", address: "10.0.0.2/24" }], dns: {} },
      { cniVersion: "1.1.0", ips: [{ address: "10.0.0.2/24" }] },
    ],
  ])("%s", async (_, stdout, expected) => {
    using set = recordingChain();
    set.plugins.answer("main", "ADD", { stdout });
    await addNetworkList(set.runtime, networkWith(), attachment);
    expect(set.plugins.calls()[1]?.stdin["prevResult"]).toEqual(expected);
  });

  test("stops at the first failure with the plugin's code, calls no DEL and caches nothing", async () => {
    using set = recordingChain();
    const { plugins, runtime } = set;
    plugins.answer("main", "ADD", { stdout: { code: 11, msg: "busy", details: "later" }, exitCode: 1, stderr: "log" });
    const heard: string[] = [];
    const failing = addNetworkList({ ...runtime, onStderr: (text) => heard.push(text) }, networkWith(), attachment);
    expect(await failureOf(failing)).toBe('11 plugin type="main" failed (add): busy');
    expect(plugins.order()).toEqual(["ADD main eth0"]);
    expect(heard).toEqual(["log"]);
    expect(existsSync(cacheFile(runtime.cacheDir, cacheKey))).toBe(false);
  });

  test("calls DEL on all plugins after a failure when asked to", async () => {
    using set = recordingChain();
    const { plugins, runtime } = set;
    plugins.answer("meta", "ADD", { stdout: { code: 100, msg: "no" }, exitCode: 1 });
    expect(await failureOf(addNetworkList(runtime, networkWith(), attachment, { undoFailed: true }))).toBe(
      '100 plugin type="meta" failed (add): no',
    );
    expect(plugins.order()).toEqual(["ADD main eth0", "ADD meta eth0", "DEL meta eth0", "DEL main eth0"]);
    expect(plugins.calls().map(({ stdin }) => "prevResult" in stdin)).toEqual([false, true, false, false]);
  });

  test("reports the first failure when undoing fails too", async () => {
    using set = recordingChain();
    const { plugins, runtime } = set;
    plugins.answer("meta", "ADD", { stdout: { code: 100, msg: "no" }, exitCode: 1 });
    plugins.answer("meta", "DEL", { stdout: { code: 101, msg: "stuck" }, exitCode: 1 });
    const heard: string[] = [];
    const failing = addNetworkList({ ...runtime, onStderr: (text) => heard.push(text) }, networkWith(), attachment, {
      undoFailed: true,
    });
    expect(await failureOf(failing)).toStartWith("100 ");
    expect(heard).toEqual(['Cannot undo the failed add of container c1: plugin type="meta" failed (delete): stuck\n']);
    expect(plugins.order().slice(2)).toEqual(["DEL meta eth0", "DEL main eth0"]);
  });

  test("undoes when the result cannot be remembered", async () => {
    using set = recordingChain();
    const { plugins, runtime } = set;
    writeFileSync(runtime.cacheDir, "no folder");
    expect(await failureOf(addNetworkList(runtime, networkWith(), attachment, { undoFailed: true }))).toStartWith(
      `5 Cannot write the cached result ${runtime.cacheDir}/results/net-c1-eth0: `,
    );
    expect(plugins.order().slice(2)).toEqual(["DEL meta eth0", "DEL main eth0"]);
  });

  test.each<[string, Json, string]>([
    ["says nothing", "", '6 plugin type="main" failed (add): the result of main is not JSON: it is empty'],
    [
      "has an unknown version",
      { cniVersion: "9.0.0" },
      '1 plugin type="main" failed (add): the result of main: cniVersion is "9.0.0", known are 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0',
    ],
    [
      "has a malformed address",
      { ips: [{ address: "x" }] },
      '6 plugin type="main" failed (add): the result of main: field "ips[0].address" must be an address with a prefix length, like 10.1.2.3/24, found "x"',
    ],
  ])("refuses a result that %s", async (_, stdout, expected) => {
    using set = recordingChain();
    set.plugins.answer("main", "ADD", { stdout });
    expect(await failureOf(addNetworkList(set.runtime, networkWith(), attachment))).toBe(expected);
  });

  test("says which plugin is not installed", async () => {
    using set = recordingChain();
    const conf = networkWith({ plugins: [{ type: "absent" }] });
    expect(await failureOf(addNetworkList(set.runtime, conf, attachment))).toBe(
      `7 plugin type="absent" failed (add): failed to find plugin "absent" in path [/nowhere ${set.plugins.bin}]`,
    );
  });

  test.each([
    [{ containerId: "" }, 3],
    [{ containerId: "a/b" }, 4],
    [{ ifname: "a/b" }, 4],
    [{ ifname: "sixteen-letters-" }, 4],
  ])("calls no plugin for the malformed attachment %j", async (bad, code) => {
    using set = recordingChain();
    expect(await failureOf(addNetworkList(set.runtime, networkWith(), { ...attachment, ...bad }))).toStartWith(
      `${code} `,
    );
    expect(await failureOf(delNetworkList(set.runtime, networkWith(), { ...attachment, ...bad }))).toStartWith(
      `${code} `,
    );
    expect(set.plugins.order()).toEqual([]);
  });

  test("runs a plugin of ours without a process where a runner is given", async () => {
    using set = recordingChain();
    const seen: string[] = [];
    const runtime: Runtime = {
      ...set.runtime,
      inProcess: (file, type) =>
        type === "meta"
          ? async ({ env, stdin }) => {
              seen.push(`${file} ${env.get("CNI_COMMAND")} ${new TextDecoder().decode(stdin).slice(0, 14)}`);
              return { exitCode: 0, stdout: JSON.stringify(finalResult), stderr: "" };
            }
          : undefined,
    };
    expect(await addNetworkList(runtime, networkWith(), attachment)).toEqual(finalResult);
    expect(seen).toEqual([`${set.plugins.bin}/meta ADD {"type":"meta"`]);
    expect(set.plugins.order()).toEqual(["ADD main eth0"]);
  });
});

describe("delNetworkList()", () => {
  test("calls backwards with the final result and forgets it", async () => {
    using set = recordingChain();
    const { plugins, runtime } = set;
    await addNetworkList(runtime, networkWith(), attachment);
    plugins.forget();
    await delNetworkList(runtime, networkWith(), { ...attachment, netns: "" });
    expect(plugins.order()).toEqual(["DEL meta eth0", "DEL main eth0"]);
    expect(plugins.calls().map(({ stdin }) => stdin["prevResult"])).toEqual([finalResult, finalResult]);
    expect(plugins.calls().map(({ netns }) => netns)).toEqual(["", ""]);
    expect(existsSync(cacheFile(runtime.cacheDir, cacheKey))).toBe(false);
    await delNetworkList(runtime, networkWith(), attachment);
    expect(plugins.calls().map(({ stdin }) => "prevResult" in stdin)).toEqual([true, true, false, false]);
  });

  test("stops at the first failure and keeps the result for another try", async () => {
    using set = recordingChain();
    const { plugins, runtime } = set;
    await addNetworkList(runtime, networkWith(), attachment);
    plugins.forget();
    plugins.answer("meta", "DEL", { stderr: "killed half-way", exitCode: 3 });
    expect(await failureOf(delNetworkList(runtime, networkWith(), attachment))).toBe(
      '999 plugin type="meta" failed (delete): netplugin failed: "killed half-way": exit status 3',
    );
    expect(plugins.order()).toEqual(["DEL meta eth0"]);
    plugins.answer("meta", "DEL", {});
    await delNetworkList(runtime, networkWith(), attachment);
    expect(plugins.calls().map(({ stdin }) => stdin["prevResult"])).toEqual([finalResult, finalResult, finalResult]);
  });

  test("passes no result before 0.4.0, and forgets it all the same", async () => {
    using set = recordingChain();
    const { plugins, runtime } = set;
    const old = networkWith({ cniVersion: "0.3.1" });
    await addNetworkList(runtime, old, attachment);
    plugins.forget();
    await delNetworkList(runtime, old, attachment);
    expect(plugins.calls().map(({ stdin }) => "prevResult" in stdin)).toEqual([false, false]);
    expect(existsSync(cacheFile(runtime.cacheDir, cacheKey))).toBe(false);
  });

  test("drops a broken cached result and goes on without", async () => {
    using set = recordingChain();
    const { plugins, runtime } = set;
    mkdirSync(join(runtime.cacheDir, "results"), { recursive: true });
    writeFileSync(cacheFile(runtime.cacheDir, cacheKey), '{"kind":"cniCacheV1","res');
    await delNetworkList(runtime, networkWith(), attachment);
    expect(plugins.calls().map(({ stdin }) => "prevResult" in stdin)).toEqual([false, false]);
    expect(existsSync(cacheFile(runtime.cacheDir, cacheKey))).toBe(false);
  });
});

describe("checkNetworkList()", () => {
  test("calls forwards with the final result", async () => {
    using set = recordingChain();
    const { plugins, runtime } = set;
    await addNetworkList(runtime, networkWith(), attachment);
    plugins.forget();
    await checkNetworkList(runtime, networkWith(), attachment);
    expect(plugins.order()).toEqual(["CHECK main eth0", "CHECK meta eth0"]);
    expect(plugins.calls().map(({ stdin }) => stdin["prevResult"])).toEqual([finalResult, finalResult]);
    plugins.answer("main", "CHECK", { stdout: { code: 101, msg: "address gone" }, exitCode: 1 });
    expect(await failureOf(checkNetworkList(runtime, networkWith(), attachment))).toBe(
      '101 plugin type="main" failed (check): address gone',
    );
    expect(plugins.order().slice(2)).toEqual(["CHECK main eth0"]);
  });

  test("calls nothing when the list disables it, but refuses lists before 0.4.0", async () => {
    using set = recordingChain();
    const { plugins, runtime } = set;
    await checkNetworkList(runtime, networkWith({ disableCheck: true }), attachment);
    const old = networkWith({ cniVersion: "0.3.1", disableCheck: true });
    expect(await failureOf(checkNetworkList(runtime, old, attachment))).toStartWith(
      '1 configuration version "0.3.1" does not support the CHECK command',
    );
    expect(plugins.order()).toEqual([]);
  });

  test("needs a cached result that can be read", async () => {
    using set = recordingChain();
    const { plugins, runtime } = set;
    expect(await failureOf(checkNetworkList(runtime, networkWith(), attachment))).toBe(
      `7 Cannot check eth0 of container c1 in network net: there is no cached result in ${runtime.cacheDir}, add it first`,
    );
    mkdirSync(join(runtime.cacheDir, "results"), { recursive: true });
    writeFileSync(cacheFile(runtime.cacheDir, cacheKey), "{");
    expect(await failureOf(checkNetworkList(runtime, networkWith(), attachment))).toStartWith(
      `6 ${cacheFile(runtime.cacheDir, cacheKey)} is not JSON`,
    );
    expect(existsSync(cacheFile(runtime.cacheDir, cacheKey))).toBe(true);
    expect(plugins.order()).toEqual([]);
  });
});

test("a plugin that never ends is killed with the runtime's signal", async () => {
  using set = recordingChain();
  writeFileSync(join(set.plugins.bin, "slow"), "#!/bin/sh\nexec sleep 60\n", { mode: 0o755 });
  const runtime = { ...set.runtime, signal: AbortSignal.timeout(100) };
  expect(
    await failureOf(addNetworkList(runtime, networkWith({ plugins: [{ type: "slow" }] }), attachment)),
  ).toStartWith('999 plugin type="slow" failed (add): netplugin failed with no error message');
});
