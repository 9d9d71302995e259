// An agent of another release has left its maps: what the next one makes of them.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { BpfMap } from "#bpf/map.ts";
import { createMap, type MapInfo, MapType, openPinned, pin, updateElement } from "#kernel/bpf-map.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { Sandbox } from "#test/sandbox.ts";
import { connectionsFormat } from "./connection-format.ts";
import { Datapath } from "./datapath.ts";
import { preparePins } from "./pins.ts";

// Loading the programs takes a machine that is busy a second or more.
setDefaultTimeout(120_000);

const noPreallocation = 1;
const macs = { mac: mac("02:00:00:00:01:01"), hostMac: mac("02:00:00:00:01:ff") };
const pod = { id: 3, ifindex: 77, mtu: 1400, ...macs, ipv4: ip("10.244.0.3"), ipv6: undefined };
const connection = { egressRule: 1, ingressRule: 2, service: 0, generation: 0, flags: 2, opened: 0 };

let box: Sandbox;
let pins: string;
let folders = 0;
beforeAll(() => {
  box = new Sandbox();
});
afterAll(() => box[Symbol.dispose]());

function newFolder(): string {
  pins = preparePins(box.dir(), `twill-${folders++}`);
  return pins;
}

function pinOlder(
  name: string,
  info: Omit<MapInfo, "flags" | "maxEntries">,
  elements: readonly (readonly [string, string])[],
): void {
  using map = createMap(name, {
    ...info,
    maxEntries: info.type === MapType.hash ? 8 : 1,
    flags: info.type === MapType.hash ? noPreallocation : 0,
  });
  for (const [key, value] of elements) updateElement(map.number, bytes(key), bytes(value));
  pin(map.number, join(pins, `${name}-${info.keySize}-${info.valueSize}`));
}

/** Hexadecimal, with spaces between fields. */
function bytes(text: string): Uint8Array {
  const array = new Uint8Array(new ArrayBuffer(text.replaceAll(" ", "").length / 2));
  array.set(Buffer.from(text.replaceAll(" ", ""), "hex"));
  return array;
}

function tuple(port: number) {
  return {
    source: ip("10.244.0.3"),
    destination: ip("10.244.0.4"),
    sourcePort: port,
    destinationPort: 80,
    protocol: 6,
  };
}

describe("maps of an earlier layout", () => {
  test("are taken over: pods stay where they are, the overlay too, and the older maps go when all is in place", () => {
    newFolder();
    const address = "00000000 00000000 0000ffff 0af40003";
    //                       ifindex  id   mtu  mac          hostMac
    pinOlder("endpoints", { type: MapType.hash, keySize: 16, valueSize: 20 }, [
      [address, "4d000000 0300 7805 020000000101 0200000001ff"],
    ]);
    pinOlder("settings", { type: MapType.array, keySize: 4, valueSize: 16 }, [
      ["00000000", "63000000 01000000 020000009901 0100"],
    ]);
    const log: string[] = [];
    using path = new Datapath({ pins, log: (line) => log.push(line) });
    expect(path.endpoints()).toEqual([{ address: ip("10.244.0.3"), ifindex: 77, id: 3 }]);
    expect(path.settings).toMatchObject({
      tunnelIfindex: 99,
      tunnelId: 1,
      tunnelMac: mac("02:00:00:00:99:01"),
      generation: 0,
    });
    expect(log).toEqual([
      `took 1 elements of endpoints over from ${pins}/endpoints-16-20`,
      `took 1 elements of settings over from ${pins}/settings-4-16`,
    ]);
    expect(existsSync(`${pins}/endpoints-16-20`)).toBe(true);
    path.finishMigration();
    expect(readdirSync(pins).filter((name) => /^(endpoints-16-20|settings-4-16)$/.test(name))).toEqual([]);
    expect(path.endpoints()).toHaveLength(1);
  });

  test("bring what programs added while they were replaced, and nothing of what the agent removed since", () => {
    newFolder();
    {
      using path = new Datapath({ pins, sizes: { connections: 1024 } });
      path.setEndpoint(pod);
    }
    using path = new Datapath({ pins, sizes: { connections: 2048, endpoints: 64 } });
    path.removeEndpoint(pod);
    path.connections.connections.set(tuple(1), { ...connection, seen: 9 });
    {
      using older = openPinned(`${pins}/connections-40-32-aside1`);
      const map = new BpfMap(connectionsFormat, older.number);
      for (const port of [1, 2]) map.set(tuple(port), { ...connection, seen: 5 });
    }
    path.finishMigration();
    const found = [...path.connections.connections.entries()].map(([{ sourcePort }, { seen }]) => [sourcePort, seen]);
    expect(found.sort()).toEqual([
      [1, 9],
      [2, 5],
    ]);
    expect(path.endpoints()).toEqual([]);
  });

  test("that nobody knows are left alone, and told", () => {
    newFolder();
    pinOlder("endpoints", { type: MapType.hash, keySize: 16, valueSize: 24 }, []);
    pinOlder("quotas", { type: MapType.hash, keySize: 4, valueSize: 4 }, []);
    const log: string[] = [];
    using path = new Datapath({ pins, log: (line) => log.push(line) });
    path.finishMigration();
    const sentence =
      "is of a layout that this release does not know: it is left alone; remove it when no agent that wrote it comes back";
    expect(log.sort()).toEqual([`${pins}/endpoints-16-24 ${sentence}`, `${pins}/quotas-4-4 ${sentence}`]);
    expect(existsSync(`${pins}/quotas-4-4`)).toBe(true);
  });
});

describe("maps of another size", () => {
  test("grow and shrink without a loss, and a kill before the end costs nothing", () => {
    newFolder();
    {
      using path = new Datapath({ pins, sizes: { connections: 1024 } });
      path.setEndpoint(pod);
      for (let port = 0; port < 300; port++)
        path.connections.connections.set(tuple(port), { ...connection, seen: port });
    }
    const seenIn = ({ connections }: Datapath) =>
      [...connections.connections.entries()].map(([, { seen }]) => seen).sort((a, b) => a - b);
    const all = Array.from({ length: 300 }, (_, port) => port);
    {
      // Killed before it has finished.
      using path = new Datapath({ pins, sizes: { connections: 4096 } });
      expect(path.connections.connections.maxEntries).toBe(4096);
      expect(seenIn(path)).toEqual(all);
    }
    const log: string[] = [];
    using path = new Datapath({ pins, sizes: { connections: 2048 }, log: (line) => log.push(line) });
    path.finishMigration();
    expect(seenIn(path)).toEqual(all);
    expect(path.endpoints()).toHaveLength(1);
    expect(log).toHaveLength(2);
    expect(readdirSync(pins).filter((name) => name.includes("aside"))).toEqual([]);
  });

  test("that are too small keep what fits, and say what to do", () => {
    newFolder();
    {
      using path = new Datapath({ pins });
      for (const last of [1, 2, 3]) path.setEndpoint({ ...pod, ifindex: last, ipv4: ip(`10.244.0.${last}`) });
    }
    const log: string[] = [];
    using path = new Datapath({ pins, sizes: { endpoints: 2 }, log: (line) => log.push(line) });
    expect(path.endpoints()).toHaveLength(2);
    expect(log[1]).toBe(`1 elements of ${pins}/endpoints-16-28-aside1 have no room: make map endpoints larger`);
  });
});
