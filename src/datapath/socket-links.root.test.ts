// How the programs at sockets come and go: agents that start again, other groups, others' programs, and the end.

import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { type CgroupLinkInfo, cgroupLinkInfo } from "#kernel/bpf-link.ts";
import { openPinned } from "#kernel/bpf-map.ts";
import { cgroupMount } from "#kernel/cgroup-mount.ts";
import { ip } from "#net/ip.ts";
import { Sandbox } from "#test/sandbox.ts";
import { type SocketClient, SocketNode } from "#test/sockets/socket-node.ts";
import { Datapath } from "./datapath.ts";
import { preparePins } from "./pins.ts";
import { attachSockets, detachSockets, rootCgroup } from "./sockets.ts";

const port = 8080;
const backend = "10.244.0.1";
const service = "10.96.0.1";
const none = { set: 0, count: 0, flags: 0 };

function offer(path: Datapath): void {
  path.services.backends.set(1, { address: ip(backend), port, flags: 0, service: 1 });
  path.services.slots.set({ set: 1, slot: 0 }, 1);
  for (const protocol of [6, 17]) {
    const value = { service: 1, affinitySeconds: 0, inside: { set: 1, count: 1, flags: 0 }, outside: none };
    path.services.frontends.set({ address: ip(service), port, protocol }, value);
  }
}

/** Something answers at the service's own address too: who is not translated reaches that. */
async function makeNode(box: Sandbox): Promise<SocketNode> {
  const node = new SocketNode(box);
  await node.serve(port, backend, service);
  return node;
}

function linkAt(path: string): CgroupLinkInfo {
  using link = openPinned(path);
  return cgroupLinkInfo(link.number);
}

async function reached(client: SocketClient): Promise<string | undefined> {
  const results = await client.run(["open", "probe", "tcp4"], ["connect", "probe", service, port], ["ask", "probe"]);
  return results.at(-1);
}

describe("attachSockets()", () => {
  test("outlives the agent, and the next one replaces every program in its place", async () => {
    using box = new Sandbox();
    await using node = await makeNode(box);
    const client = node.client(node.netns());
    const pins = preparePins(box.dir(), "node");
    const linkIds = () => readdirSync(join(pins, "links")).map((hook) => linkAt(join(pins, "links", hook)));
    {
      using path = new Datapath({ pins });
      offer(path);
      using _links = attachSockets({ datapath: path, cgroup: node.cgroup, pins });
    }
    const before = linkIds();
    expect(before).toHaveLength(8);
    await client.run(["open", "a", "udp4"], ["connect", "a", service, port], ["open", "b", "udp4"]);
    await client.run(["sendto", "b", service, port], ["open", "c", "tcp4"], ["connect", "c", service, port]);
    expect(await reached(client)).toBe(backend);
    {
      using path = new Datapath({ pins });
      using _links = attachSockets({ datapath: path, cgroup: node.cgroup, pins });
    }
    const after = linkIds();
    expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    expect(after.map(({ program }) => program)).not.toEqual(before.map(({ program }) => program));
    expect(await reached(client)).toBe(backend);
    // What was open before is known to the new programs.
    const results = await client.run(["peer", "a"], ["receivefrom", "b"], ["peer", "c"], ["ask", "c"]);
    const name = `${service} ${port}`;
    expect(results).toEqual([name, `${backend} from ${name}`, name, backend]);
    detachSockets(pins);
    expect(await reached(client)).toBe(service);
  });

  test("goes with what it returns where nothing is pinned", async () => {
    using box = new Sandbox();
    await using node = await makeNode(box);
    const client = node.client(node.netns());
    using path = new Datapath({ pins: undefined });
    offer(path);
    const links = attachSockets({ datapath: path, cgroup: node.cgroup, pins: undefined });
    expect(await reached(client)).toBe(backend);
    links[Symbol.dispose]();
    expect(await reached(client)).toBe(service);
  });

  test("follows when the control group is another one, also when the first is gone", async () => {
    using box = new Sandbox();
    await using node = await makeNode(box);
    const pins = preparePins(box.dir(), "node");
    const netns = node.netns();
    const [first, second] = [join(node.cgroup, "first"), join(node.cgroup, "second")];
    using path = new Datapath({ pins });
    offer(path);
    for (const [group, other] of [
      [first, second],
      [second, first],
      [first, second],
    ] as const) {
      for (const each of [group, other]) mkdirSync(each, { recursive: true });
      using _links = attachSockets({ datapath: path, cgroup: group, pins });
      {
        await using here = node.client(netns, group);
        await using there = node.client(netns, other);
        expect(await reached(here)).toBe(backend);
        expect(await reached(there)).toBe(service);
      }
      rmdirSync(group);
    }
  });

  test("works beside the programs of others at the same group", async () => {
    using box = new Sandbox();
    await using node = await makeNode(box);
    const client = node.client(node.netns());
    using ours = new Datapath({ pins: undefined });
    using theirs = new Datapath({ pins: undefined });
    offer(ours);
    using _theirLinks = attachSockets({ datapath: theirs, cgroup: node.cgroup, pins: undefined });
    using _ourLinks = attachSockets({ datapath: ours, cgroup: node.cgroup, pins: undefined });
    const results = await client.run(
      ["open", "a", "udp4"],
      ["askfrom", "a", service, port],
      ["connect", "a", service, port],
      ["peer", "a"],
    );
    expect(results.slice(1)).toEqual([`${backend} from ${service} ${port}`, "ok", `${service} ${port}`]);
  });
});

describe("attachSockets() to what is no control group", () => {
  test("names it, and what to do", () => {
    using path = new Datapath({ pins: undefined });
    for (const cgroup of ["/nowhere", "/", join(cgroupMount(), "cgroup.procs")]) {
      const attached = () => attachSockets({ datapath: path, cgroup, pins: undefined });
      expect(attached).toThrow(`Cannot translate services for the sockets of ${cgroup}: it is no control group`);
    }
  });
});

describe("detachSockets()", () => {
  test("leaves answers to those who have asked, when told to", async () => {
    using box = new Sandbox();
    await using node = await makeNode(box);
    const client = node.client(node.netns());
    const pins = preparePins(box.dir(), "node");
    using path = new Datapath({ pins });
    offer(path);
    attachSockets({ datapath: path, cgroup: node.cgroup, pins })[Symbol.dispose]();
    await client.run(["open", "a", "udp4"], ["sendto", "a", service, port]);
    detachSockets(pins, { keepAnswers: true });
    expect(await reached(client)).toBe(service);
    expect(await client.run(["receivefrom", "a"])).toEqual([`${backend} from ${service} ${port}`]);
    // Twice is no error, and an agent that takes services back finds what is left.
    detachSockets(pins, { keepAnswers: true });
    attachSockets({ datapath: path, cgroup: node.cgroup, pins })[Symbol.dispose]();
    expect(await reached(client)).toBe(backend);
    detachSockets(pins);
    detachSockets(pins);
    expect(await reached(client)).toBe(service);
  });
});

/** Runs a command in mounts of its own, from which the machine's control groups are taken away. */
const withoutCgroups = `for at in $(awk '$3 == "cgroup2" { print $2 }' /proc/self/mounts); do umount "$at"; done; exec "$@"`;

describe("rootCgroup()", () => {
  test("finds the group of all processes", () => {
    expect(rootCgroup("/nowhere")).toBe(cgroupMount());
  });

  test("mounts control groups where nobody has", () => {
    using box = new Sandbox();
    const own = join(box.dir(), "cgroup");
    const script = `
      import { rootCgroup } from "${new URL("./sockets.ts", import.meta.url).pathname}";
      console.log(rootCgroup("${own}"), rootCgroup("${own}"));
    `;
    const command = ["unshare", "--mount", "sh", "-ec", withoutCgroups, "sh", process.execPath, "-e", script];
    expect(Bun.spawnSync(command).stdout.toString()).toBe(`${own} ${own}\n`);
  });

  test("says what to do where nobody has, and it may not", () => {
    using box = new Sandbox();
    const own = join(box.dir(), "cgroup");
    const script = `
      import { rootCgroup } from "${new URL("./sockets.ts", import.meta.url).pathname}";
      try { rootCgroup("${own}"); } catch (error) { console.log(error.code, error.message); }
    `;
    const unable = ["setpriv", "--bounding-set", "-sys_admin", process.execPath, "-e", script];
    const said = Bun.spawnSync(["unshare", "--mount", "sh", "-ec", withoutCgroups, "sh", ...unable]).stdout.toString();
    expect(said).toStartWith("CGROUP Cannot translate services for the whole node: no control groups (cgroup v2) are");
    expect(said).toContain(`on ${own}: EPERM; mount them at /sys/fs/cgroup, or give the path of a control group`);
  });

  test("says what to do in a container that sees only its own", () => {
    const script = `
      import { rootCgroup } from "${new URL("./sockets.ts", import.meta.url).pathname}";
      try { rootCgroup("/nowhere"); } catch (error) { console.log(error.code, error.message); }
    `;
    const group = cgroupMount();
    // A namespace of control groups, and a mount made in it, as container runtimes give one to each container.
    const inside = `umount ${group} && mount -t cgroup2 cgroup2 ${group} && exec "$@"`;
    const command = ["unshare", "--cgroup", "--mount", "sh", "-c", inside, "sh", process.execPath, "-e", script];
    using box = new Sandbox();
    const own = join(group, `${box.dir().split("/").at(-2)}-own`);
    mkdirSync(own);
    try {
      const enter = `echo $$ > ${own}/cgroup.procs && exec "$@"`;
      const { stdout } = Bun.spawnSync(["sh", "-c", enter, "sh", ...command]);
      expect(stdout.toString()).toStartWith(`CGROUP Cannot translate services for the whole node: ${group} shows only`);
    } finally {
      rmdirSync(own);
    }
  });
});
