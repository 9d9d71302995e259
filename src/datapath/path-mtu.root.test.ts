// Packets that do not fit the way to where they were translated to, with real ones: their senders are told, and send smaller ones.

import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { makeOutsideWorld, type OutsideWorld, setIn } from "#test/outside-world.ts";
import { serve } from "#test/packet-path.ts";
import type { Netns } from "#test/sandbox.ts";
import type { Outcome } from "./formats.ts";
import { choiceFlags } from "./service-format.ts";

setDefaultTimeout(120_000);

const stack = new DisposableStack();
const patienceMs = 120_000;
const script = new URL("../../test/bulk.ts", import.meta.url).pathname;
const bytes = 300_000;
const narrow = 1300;
let world: OutsideWorld;
let port = 30_000;

beforeAll(async () => {
  world = makeOutsideWorld(stack);
  await startServers(8080);
}, patienceMs);
afterAll(() => stack.dispose());

/** In both pods. */
async function startServers(serverPort: number): Promise<void> {
  for (const { netns } of [world.near, world.far]) {
    const server = world.box.start(netns, [process.execPath, script, "serve", String(serverPort)]);
    for (let waitedMs = 0; !server.output().includes("listening"); waitedMs += 20) {
      if (waitedMs > patienceMs) throw new Error(`The server does not listen: ${server.output()}`);
      await Bun.sleep(20);
    }
  }
}

/** What has been learnt of ways is forgotten, and so is what made them narrow. */
afterEach(() => {
  const { box, router, client, first, second, near, far } = world;
  for (const netns of [client, near.netns, far.netns]) {
    setIn(box, netns, { "net/ipv4/ip_no_pmtu_disc": 0 });
    for (const family of ["-4", "-6"]) box.sh(netns, ["ip", family, "route", "flush", "cache"]);
  }
  box.sh(router, ["ip", "link", "set", "out", "mtu", "1500"]);
  box.sh(client, ["ip", "link", "set", "eth0", "gso_max_segs", "65535"]);
  first.ip("route replace default via 172.30.0.254");
  first.ip("-6 route replace default via fd00:30::fe");
  first.ip(`route replace 10.244.2.0/24 via ${second.address}`);
  first.ip("-6 route replace fd00:10:244:2::/64 via fd00:30::2");
});

type Way = {
  readonly up?: number;
  readonly down?: number;
  readonly v6?: boolean;
  readonly flags?: number;
  readonly serverPort?: number;
};

/** How many bytes the client gets through a port of the first node that leads to a pod's address. */
function through(backend: string, { up = 0, down = 0, v6 = false, flags = 0, serverPort = 8080 }: Way): number {
  const { client, first, second } = world;
  const node = v6 ? "fd00:30::1" : "172.30.0.1";
  const separator = v6 ? " " : ":";
  port++;
  for (const { path } of [first, second]) {
    serve(path, `${node}${separator}${port}`, "tcp", [`${backend}${separator}${serverPort}`], flags);
  }
  return move(client, node, up, down);
}

function move(from: Netns, address: string, up: number, down: number): number {
  const command = [process.execPath, script, "ask", address, String(port), String(up), String(down)];
  return Number(world.box.run(from, command).stdout);
}

/** How often something became of packets of the first node meanwhile. */
function counting(outcome: Outcome, deed: () => number, node = world.first): readonly [got: number, packets: number] {
  const before = node.path.counts()[outcome].packets;
  const got = deed();
  return [got, Number(node.path.counts()[outcome].packets - before)];
}

const wayToClient = () => {
  world.first.ip(`route replace default via 172.30.0.254 mtu lock ${narrow}`);
  world.first.ip(`-6 route replace default via fd00:30::fe mtu lock ${narrow}`);
};
const wayToFar = () => {
  world.first.ip(`route replace 10.244.2.0/24 via ${world.second.address} mtu lock ${narrow}`);
  world.first.ip(`-6 route replace fd00:10:244:2::/64 via fd00:30::2 mtu lock ${narrow}`);
};

describe("a way that is narrower than its ends", () => {
  for (const v6 of [false, true]) {
    const family = v6 ? "IPv6" : "IPv4";
    const address = (pod: "near" | "far") => (v6 ? world[pod].address6 : world[pod].address);

    test(`to the client is found out by a pod that answers in a service's name: ${family}`, () => {
      wayToClient();
      const [got, refused] = counting("refused-size", () => through(address("near"), { down: bytes, v6 }));
      expect(got).toBe(bytes);
      expect(refused).toBeGreaterThan(0);
    });

    test(`to the client is found out by another node's pod: ${family}`, () => {
      wayToClient();
      const [got, refused] = counting("refused-size", () => through(address("far"), { down: bytes, v6 }));
      expect(got).toBe(bytes);
      expect(refused).toBeGreaterThan(0);
    });

    test(`to another node's pod is found out by the client: ${family}`, () => {
      wayToFar();
      const [got, refused] = counting("refused-size", () => through(address("far"), { up: bytes, down: 7, v6 }));
      expect(got).toBe(7);
      expect(refused).toBeGreaterThan(0);
    });

    test(`to the client, beyond the node, is found out by a pod that answers past it: ${family}`, () => {
      world.box.sh(world.router, ["ip", "link", "set", "out", "mtu", String(narrow)]);
      const flags = choiceFlags.maglev | choiceFlags.directReturn;
      const [got, handed] = counting("forward-net", () => through(address("far"), { down: bytes, v6, flags }));
      expect(got).toBe(bytes);
      expect(handed).toBeGreaterThan(0);
    });
  }

  test("into a pod is found out by the client, where the pod says that it takes more", () => {
    const { box, client, first, near } = world;
    // A pod takes what its device has put together from many packets, however long they were.
    box.sh(client, ["ip", "link", "set", "eth0", "gso_max_segs", "1"]);
    box.sh(near.netns, ["ip", "link", "set", "eth0", "mtu", String(narrow)]);
    box.sh(near.netns, ["ip", "route", "replace", "default", "via", "169.254.1.1", "advmss", "1460"]);
    first.resize(near, narrow);
    const [got, refused] = counting("refused-size", () => through(near.address, { up: bytes, down: 7 }));
    first.resize(near, 1500);
    box.sh(near.netns, ["ip", "link", "set", "eth0", "mtu", "1500"]);
    expect(got).toBe(7);
    expect(refused).toBeGreaterThan(0);
  });

  test("is no hindrance for packets that may be cut", async () => {
    wayToClient();
    wayToFar();
    for (const netns of [world.client, world.near.netns, world.far.netns]) {
      setIn(world.box, netns, { "net/ipv4/ip_no_pmtu_disc": 1 });
    }
    // A socket keeps to what it was made with.
    const serverPort = 8081;
    await startServers(serverPort);
    const deeds = [
      () => through(world.near.address, { down: bytes, serverPort }),
      () => through(world.far.address, { down: bytes, serverPort }),
      () => through(world.far.address, { up: bytes, down: bytes, serverPort }),
    ];
    for (const deed of deeds) expect(counting("refused-size", deed)).toEqual([bytes, 0]);
  });
});

describe("an overlay that is narrower than its ends", () => {
  test("is found out by the client, and a way beyond it by the pod at its other end", () => {
    const { first, second, far } = world;
    first.tunnelTo(second);
    second.tunnelTo(first);
    for (const node of [first, second]) node.ip("link set twill-vxlan mtu 1450");
    for (const { path } of [first, second]) expect(path.peers().filter(({ tunnel }) => tunnel)).toHaveLength(3);
    const [up, refusedUp] = counting("refused-size", () => through(far.address, { up: bytes, down: 7 }));
    expect(up).toBe(7);
    expect(refusedUp).toBeGreaterThan(0);
    wayToClient();
    const [down, refusedDown] = counting("refused-size", () => through(far.address, { down: bytes }));
    expect(down).toBe(bytes);
    expect(refusedDown).toBeGreaterThan(0);
  });
});
