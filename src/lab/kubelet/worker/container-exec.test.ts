// What a session with a terminal leaves behind in the kubelet.

import { expect, test } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";
import { PodTool } from "#lab/kubelet/runtime/pod-tool.ts";
import { until } from "#test/until.ts";
import { openSession } from "./container-exec.ts";

function openSockets(): number {
  const folder = "/proc/self/fd";
  return readdirSync(folder).filter((name) => {
    try {
      return readlinkSync(`${folder}/${name}`).startsWith("socket:");
    } catch {
      // The one that read the folder.
      return false;
    }
  }).length;
}

test("sessions with a terminal give all their descriptors back, and take no sizes any more", async () => {
  const sessions = 30;
  const before = openSockets();
  for (let i = 0; i < sessions; i++) {
    const session = openSession(new PodTool("/bin/true"), [], true);
    const said = Promise.all([new Response(session.stdout).text(), new Response(session.stderr).text()]);
    session.closeInput();
    expect([await session.exited, await said]).toEqual([0, ["", ""]]);
    session.resize(80, 24);
  }
  await until(() => {
    Bun.gc(true);
    return openSockets() - before < sessions;
  }, "the descriptors are closed");
});
