// What GC and STATUS of a chain call and send, and how failures add up.

import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { attachment, cacheKey, failureOf, finalResult, networkWith, recordingChain } from "#test/recording-chain.ts";
import { cacheFile } from "./cache.ts";
import { addNetworkList, gcNetworkList, statusNetworkList } from "./chain.ts";
import type { Runtime } from "./runtime.ts";

describe("gcNetworkList()", () => {
  const valid = [{ containerID: "c2", ifname: "eth0" }];

  async function withThree(runtime: Runtime): Promise<void> {
    for (const containerId of ["c1", "c2", "c3"]) {
      await addNetworkList(runtime, networkWith(), { ...attachment, containerId, netns: `/run/netns/${containerId}` });
    }
    await addNetworkList(runtime, networkWith({ name: "other" }), attachment);
  }

  test("deletes cached attachments of this network that are not valid, then asks the plugins", async () => {
    using set = recordingChain();
    const { plugins, runtime } = set;
    await withThree(runtime);
    plugins.forget();
    await gcNetworkList(runtime, networkWith(), valid);
    expect(plugins.calls().map(({ command, type, containerId }) => `${command} ${type} ${containerId}`)).toEqual([
      "DEL meta c1",
      "DEL main c1",
      "DEL meta c3",
      "DEL main c3",
      "GC main ",
      "GC meta ",
    ]);
    const [del, , , , gc] = plugins.calls();
    expect(del).toMatchObject({ netns: "/run/netns/c1", args: "IgnoreUnknown=1;A=b" });
    expect(del?.stdin).toMatchObject({ prevResult: finalResult, runtimeConfig: { portMappings: [{ hostPort: 80 }] } });
    expect(gc).toMatchObject({ netns: "", ifname: "", args: "", path: `/nowhere:${plugins.bin}` });
    expect(gc?.stdin).toEqual({
      z: 1,
      type: "main",
      capabilities: { mac: true, portMappings: false, ips: true },
      name: "net",
      cniVersion: "1.1.0",
      "cni.dev/valid-attachments": [{ containerID: "c2", ifname: "eth0" }],
      "cni.dev/attachments": [{ containerID: "c2", ifname: "eth0" }],
    });
    const left = [{ ...cacheKey, containerId: "c2" }, { ...cacheKey, network: "other" }, cacheKey].map((key) =>
      existsSync(cacheFile(runtime.cacheDir, key)),
    );
    expect(left).toEqual([true, true, false]);
  });

  test("without a list deletes all of the network and sends none", async () => {
    using set = recordingChain();
    const { plugins, runtime } = set;
    await withThree(runtime);
    plugins.forget();
    await gcNetworkList(runtime, networkWith(), undefined);
    expect(plugins.order().filter((call) => call.startsWith("DEL"))).toHaveLength(6);
    expect(plugins.calls().flatMap(({ command, stdin }) => (command === "GC" ? Object.keys(stdin) : []))).not.toContain(
      "cni.dev/valid-attachments",
    );
  });

  test("an empty list is sent as one", async () => {
    using set = recordingChain();
    await gcNetworkList(set.runtime, networkWith(), []);
    expect(set.plugins.calls().map(({ stdin }) => stdin["cni.dev/valid-attachments"])).toEqual([[], []]);
  });

  test("goes on after failures and reports all of them", async () => {
    using set = recordingChain();
    const { plugins, runtime } = set;
    await withThree(runtime);
    plugins.forget();
    plugins.answer("meta", "DEL", { stdout: { code: 100, msg: "stuck" }, exitCode: 1 });
    plugins.answer("main", "GC", { stdout: { code: 101, msg: "no" }, exitCode: 1 });
    expect(await failureOf(gcNetworkList(runtime, networkWith(), valid))).toBe(
      '100 failed to delete stale attachment c1 eth0: plugin type="meta" failed (delete): stuck; ' +
        'failed to delete stale attachment c3 eth0: plugin type="meta" failed (delete): stuck; ' +
        'failed to collect garbage: plugin type="main" failed (gc): no',
    );
    expect(plugins.order()).toEqual(["DEL meta eth0", "DEL meta eth0", "GC main", "GC meta"]);
  });

  test("sends no GC before 1.1.0, and does nothing when the list disables it", async () => {
    using set = recordingChain();
    const { plugins, runtime } = set;
    await withThree(runtime);
    plugins.forget();
    await gcNetworkList(runtime, networkWith({ disableGC: true }), []);
    expect(plugins.order()).toEqual([]);
    await gcNetworkList(runtime, networkWith({ cniVersion: "1.0.0" }), valid);
    expect(plugins.order()).toEqual(["DEL meta eth0", "DEL main eth0", "DEL meta eth0", "DEL main eth0"]);
  });
});

describe("statusNetworkList()", () => {
  test("asks each plugin and stops at the first that is not ready", async () => {
    using set = recordingChain();
    const { plugins, runtime } = set;
    await statusNetworkList(runtime, networkWith());
    expect(plugins.order()).toEqual(["STATUS main", "STATUS meta"]);
    expect(plugins.calls()[1]?.stdin).toEqual({
      type: "meta",
      name: "net",
      capabilities: { portMappings: true },
      a: { deep: [null, 1.5, "ü"] },
      cniVersion: "1.1.0",
    });
    plugins.answer("main", "STATUS", { stdout: { code: 50, msg: "no pool" }, exitCode: 1 });
    expect(await failureOf(statusNetworkList(runtime, networkWith()))).toBe(
      '50 plugin type="main" failed (status): no pool',
    );
    expect(plugins.order().slice(2)).toEqual(["STATUS main"]);
  });

  test("asks nothing before 1.1.0", async () => {
    using set = recordingChain();
    await statusNetworkList(set.runtime, networkWith({ cniVersion: "1.0.0" }));
    expect(set.plugins.order()).toEqual([]);
  });
});
