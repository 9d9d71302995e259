// Elements of maps that an agent with other layouts or sizes has left, brought over into the present ones.
//
//   present maps made ─► copy ─► programs replaced ─► copy what is new since ─► older maps go
//
// A kill at any instant leaves older maps in their places: the next start does it all again.

import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  lookUpBatch,
  lookUpElement,
  type MapInfo,
  MapType,
  mapInfo,
  nextKey,
  openPinned,
  possibleCpus,
  UpdateMode,
  updateElement,
} from "#kernel/bpf-map.ts";
import type { MapShape } from "#kernel/bpf-object.ts";
import { isErrno } from "#kernel/errno.ts";
import type { Fd } from "#kernel/fd.ts";
import { type Converter, converters } from "./older-layouts.ts";
import { parsePinName, pinName } from "./pins.ts";

export type MigrationOptions = {
  /** Where maps are pinned. */
  readonly folder: string;
  /** The present maps, which are pinned there already. */
  readonly maps: readonly MapShape[];
  /** Descriptor of a present map. */
  readonly mapFd: (name: string) => number;
  readonly log: (line: string) => void;
};

type Older = {
  readonly path: string;
  readonly fd: Fd;
  readonly info: MapInfo;
  readonly present: { readonly fd: number; readonly info: MapInfo; readonly name: string };
  readonly convert: Converter["convert"];
};

const perCpuTypes: readonly number[] = [MapType.perCpuArray, MapType.perCpuHash];
const arrayTypes: readonly number[] = [MapType.array, MapType.perCpuArray];
const batchEntries = 1024;
const placeBytes = 4;

/** From its making, which copies, until it is disposed, or `finish` has ended it. */
export class Migration implements Disposable {
  readonly #log: (line: string) => void;
  readonly #older: readonly Older[];
  readonly #stack = new DisposableStack();

  /** @throws KernelError */
  constructor({ folder, maps, mapFd, log }: MigrationOptions) {
    this.#log = log;
    const present = new Map(maps.map((map) => [map.name, map]));
    const current = new Set(maps.map(pinName));
    this.#older = readdirSync(folder)
      .sort()
      .filter((file) => !current.has(file))
      .flatMap((file) => this.#open(folder, file, present, mapFd));
    try {
      for (const older of this.#older) {
        const { copied, lost } = copy(older);
        log(`took ${copied} elements of ${older.present.name} over from ${older.path}`);
        if (lost > 0) log(`${lost} elements of ${older.path} have no room: make map ${older.present.name} larger`);
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** After the programs were replaced: nobody writes the older maps any more. @throws KernelError */
  finish(): void {
    for (const older of this.#older) {
      // What programs write forgets the longest unused; the rest is the agent's, which may have removed some of it since. What the earlier
      // programs have changed of an element is seen again with its next packet; what they added is not.
      if (older.info.type === MapType.lruHash) copy(older);
      rmSync(older.path);
    }
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }

  #open(
    folder: string,
    file: string,
    maps: ReadonlyMap<string, MapShape>,
    mapFd: (name: string) => number,
  ): readonly Older[] {
    const layout = parsePinName(file);
    const path = join(folder, file);
    if (layout === undefined) return [];
    const map = maps.get(layout.name);
    const isSame = map !== undefined && pinName(map) === pinName(layout);
    const convert = isSame ? identity : converters.find(({ from }) => pinName(from) === pinName(layout))?.convert;
    if (map === undefined || convert === undefined) {
      this.#log(
        `${path} is of a layout that this release does not know: it is left alone; remove it when no agent that wrote it comes back`,
      );
      return [];
    }
    const fd = this.#stack.use(openPinned(path));
    const presentFd = mapFd(map.name);
    const present = { fd: presentFd, info: mapInfo(presentFd), name: map.name };
    return [{ path, fd, info: mapInfo(fd.number), present, convert }];
  }
}

function identity(key: Uint8Array, value: Uint8Array): readonly [Uint8Array, Uint8Array] {
  return [key, value];
}

/**
 * What the present map has already stays: the programs, or an agent that was killed before it finished, know better. Elements of arrays are
 * always there. `lost`: those that the present map has no room for.
 */
function copy({ fd, info, present, convert }: Older): { readonly copied: number; readonly lost: number } {
  const mode = arrayTypes.includes(present.info.type) ? UpdateMode.any : UpdateMode.create;
  let [copied, lost] = [0, 0];
  for (const [key, value] of elements(fd.number, info)) {
    const element = perCpuTypes.includes(info.type) ? ([key, value] as const) : convert(key, value);
    try {
      updateElement(present.fd, ...(element.map(stable) as [Uint8Array, Uint8Array]), mode);
      copied++;
    } catch (error) {
      if (isErrno(error, "EEXIST")) continue;
      if (!isErrno(error, "E2BIG")) throw error;
      lost++;
    }
  }
  return { copied, lost };
}

/** Memory whose address stays: the engine moves small arrays. */
function stable(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new ArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

/** Hash tables change while they are read, and are read by the bucket; the others change by the agent alone. */
function elements(fd: number, info: MapInfo): Generator<readonly [key: Uint8Array, value: Uint8Array]> {
  const isHash = info.type === MapType.hash || info.type === MapType.lruHash;
  return isHash ? batched(fd, info) : oneByOne(fd, info);
}

function* batched(fd: number, { keySize, valueSize }: MapInfo): Generator<readonly [Uint8Array, Uint8Array]> {
  const [keys, values] = [keySize, valueSize].map((size) => new Uint8Array(new ArrayBuffer(size * batchEntries)));
  if (keys === undefined || values === undefined) return;
  let place: Uint8Array<ArrayBuffer> | undefined;
  for (;;) {
    const next = new Uint8Array(new ArrayBuffer(placeBytes));
    const { count, isLast } = lookUpBatch(fd, place, next, keys, values, batchEntries);
    for (let at = 0; at < count; at++) {
      yield [keys.slice(at * keySize, (at + 1) * keySize), values.slice(at * valueSize, (at + 1) * valueSize)];
    }
    if (isLast) return;
    place = next;
  }
}

function* oneByOne(fd: number, { type, keySize, valueSize }: MapInfo): Generator<readonly [Uint8Array, Uint8Array]> {
  // A per-CPU map has a value for each processor, padded to 8 bytes.
  const size = perCpuTypes.includes(type) ? Math.ceil(valueSize / 8) * 8 * possibleCpus() : valueSize;
  let last: Uint8Array | undefined;
  for (;;) {
    const next = new Uint8Array(new ArrayBuffer(keySize));
    if (!nextKey(fd, last, next)) return;
    const value = new Uint8Array(new ArrayBuffer(size));
    if (lookUpElement(fd, next, value)) yield [next, value];
    last = next;
  }
}
