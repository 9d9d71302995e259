// A disk that is full or read-only: one clear sentence, and nothing left behind.
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { IpamNode } from "#test/ipam-node.ts";
import { Sandbox } from "#test/sandbox.ts";
import { hostLocal } from "./plugin.ts";

const ranges = [[{ subnet: "10.1.0.0/24" }]];

for (const pages of [1, 2]) {
  test(`on a disk of ${pages} pages ADD fails when it is full, and works again after DEL`, async () => {
    using box = new Sandbox();
    using node = new IpamNode();
    const ns = box.netns("node");
    const dataDir = box.dir();
    box.sh(ns, ["mount", "-t", "tmpfs", "-o", `size=${pages * 4096}`, "none", dataDir]);
    const call = (command: string, containerId: string) =>
      node.call(hostLocal, { command, containerId, ipam: { ranges, dataDir } });
    const addresses = () => readdirSync(dataDir, { recursive: true }).filter((name) => String(name).includes("10."));
    // A page holds the address's file, another last_reserved_ip.0.
    if (pages === 2) expect(await call("ADD", "c1")).toMatchObject({ exitCode: 0 });
    const before = addresses();
    expect(await call("ADD", "c2")).toMatchObject({
      code: 5,
      msg: expect.stringMatching(
        /^host-local: Cannot reserve 10\.1\.0\.\d in .*\/net: ENOSPC \(the disk is full: free some space\)$/,
      ),
    });
    expect(addresses()).toEqual(before);
    if (pages === 1) return;
    await call("DEL", "c1");
    expect((await call("ADD", "c2")).addresses).toHaveLength(1);
  });
}

test("on a read-only disk ADD and STATUS say so, and CHECK still works", async () => {
  using box = new Sandbox();
  using node = new IpamNode();
  const ns = box.netns("node");
  const dataDir = box.dir();
  box.sh(ns, ["mount", "-t", "tmpfs", "none", dataDir]);
  const prevResult = { cniVersion: "1.0.0", ips: [{ address: "10.1.0.2/24" }] };
  const call = (command: string, containerId: string, cniVersion = "1.1.0") =>
    node.call(hostLocal, { command, containerId, cniVersion, ipam: { ranges, dataDir }, conf: { prevResult } });
  await call("ADD", "c1");
  box.sh(ns, ["mount", "-o", "remount,ro", dataDir]);
  const words = expect.stringContaining("EROFS");
  expect(await call("ADD", "c2")).toMatchObject({ code: 5, msg: words });
  expect(await call("DEL", "c1")).toMatchObject({ code: 5, msg: words });
  expect(await call("STATUS", "")).toMatchObject({ code: 50, msg: words });
  expect(await call("CHECK", "c1")).toMatchObject({ exitCode: 0 });
});
