// Removing connections and their translations: those that ended long ago, and those of somebody who is gone.

import type { BpfMap, MapFormat } from "#bpf/map.ts";
import { encode, type Infer, Reader } from "#codec/codec.ts";
import type { Ip } from "#net/ip.ts";
import { someAddress } from "./address-format.ts";
import { connectionFlags, type connectionsFormat, type translationsFormat, tuple } from "./connection-format.ts";

type MapOf<F> = F extends MapFormat<infer K, infer V> ? BpfMap<K, V> : never;

/** The two maps of bpf/connections.h. */
export type ConnectionMaps = {
  readonly connections: MapOf<typeof connectionsFormat>;
  readonly translations: MapOf<typeof translationsFormat>;
};

/** Two ends and a protocol (bpf/tuple.h). */
export type Tuple = Infer<typeof tuple>;

/** Two ends as a connection or a translation has them, and the number of the service that it came through; 0: none. */
export type Ends = Tuple & { readonly service: number };

// Where things are in the elements' bytes (bpf/tuple.h, bpf/connections.h): a hundred thousand are not decoded to look at a few numbers.
const tupleBytes = 40;
const tupleAt = { source: 0, destination: 16, sourcePort: 32, destinationPort: 34, protocol: 36 } as const;
const connectionAt = { seen: 0, service: 16, flags: 20 } as const;
const translationAt = { to: 0, seen: tupleBytes, service: tupleBytes + 4 } as const;

/**
 * Removes the connections and translations for which `isGone` answers true; returns how many. A translation is asked for as what
 * its packets say, and as what they are to say instead. With `among` it is asked only for those that have one of these addresses: quick,
 * however many there are. @throws KernelError
 */
export function forgetConnections(
  { connections, translations }: ConnectionMaps,
  isGone: (ends: Ends) => boolean,
  among?: Iterable<Ip>,
): number {
  const addresses = among === undefined ? undefined : new AddressIndex(among);
  const ask = (view: DataView, at: number, service: number) =>
    (addresses?.hasEitherEnd(view, at) ?? true) && isGone({ ...decodeTuple(view, at), service });
  const ofConnections = sweep(connections, ({ key, keyAt, value, valueAt }) =>
    ask(key, keyAt, value.getUint32(valueAt + connectionAt.service, true)),
  );
  const ofTranslations = sweep(translations, ({ key, keyAt, value, valueAt }) => {
    const service = value.getUint32(valueAt + translationAt.service, true);
    return ask(key, keyAt, service) || ask(value, valueAt + translationAt.to, service);
  });
  return ofConnections + ofTranslations;
}

/** Both ends are part of it. */
export type PortRange = { readonly first: number; readonly last: number };

/** What a pass over the maps found. */
export type Collected = {
  /** Before the pass. */
  readonly connections: number;
  readonly translations: number;
  /** How many of the ports that were asked about are taken toward one place: the most that any place has. */
  readonly ports: number;
  readonly removed: number;
};

/**
 * Removes what has been silent for longer than `lifetime` says, in seconds; `flags` are `connectionFlags`. A translation goes with its
 * connection, or by itself when its packets have been away for as long as an answered connection lives. `ports`: those that translated connections come from. @throws KernelError
 */
export function collectConnections(
  maps: ConnectionMaps,
  nowSeconds: number,
  lifetime: (protocol: number, flags: number) => number,
  ports: PortRange,
): Collected {
  const isOver = (protocol: number, flags: number, seen: number) => nowSeconds - seen > lifetime(protocol, flags);
  const counts = { connections: 0, translations: 0 };
  const taken = new Map<string, number>();
  const answers: Tuple[] = [];
  let ofAnswers = 0;
  const isSilent = ({ key, keyAt, value, valueAt }: Row) => {
    counts.connections++;
    const flags = value.getUint32(valueAt + connectionAt.flags, true);
    const seen = value.getUint32(valueAt + connectionAt.seen, true);
    if (!isOver(key.getUint8(keyAt + tupleAt.protocol), flags, seen)) return false;
    if (flags & connectionFlags.translated) answers.push(answerOf(decodeTuple(key, keyAt), flags));
    return true;
  };
  const ofConnections = sweep(maps.connections, isSilent, () => {
    ofAnswers += removeTranslations(maps.translations, answers.splice(0));
  });
  const ofTranslations = sweep(maps.translations, ({ key, keyAt, value, valueAt }) => {
    counts.translations++;
    const seen = value.getUint32(valueAt + translationAt.seen, true);
    if (isOver(key.getUint8(keyAt + tupleAt.protocol), connectionFlags.answered, seen)) return true;
    // What an answer says: it comes from the place, and goes to the port.
    const port = key.getUint16(keyAt + tupleAt.destinationPort);
    if (port < ports.first || port > ports.last) return false;
    const place = [0, 4, 8, 12].map((at) => key.getUint32(keyAt + tupleAt.source + at)).join();
    const name = `${place} ${key.getUint16(keyAt + tupleAt.sourcePort)} ${key.getUint8(keyAt + tupleAt.protocol)}`;
    taken.set(name, (taken.get(name) ?? 0) + 1);
    return false;
  });
  const most = taken.values().reduce((top, count) => Math.max(top, count), 0);
  return { ...counts, ports: most, removed: ofConnections + ofAnswers + ofTranslations };
}

/** What the packets of a connection's other end say, by its key. */
function answerOf(key: Tuple, flags: number): Tuple {
  return flags & connectionFlags.exchanged ? key : exchange(key);
}

function exchange({ source, destination, sourcePort, destinationPort, protocol }: Tuple): Tuple {
  return {
    ...{ source: destination, destination: source, sourcePort: destinationPort, destinationPort: sourcePort },
    protocol,
  };
}

/** Both directions of translated connections; returns how many elements that were. */
function removeTranslations(translations: ConnectionMaps["translations"], answers: readonly Tuple[]): number {
  return answers.reduce((removed, answer) => {
    const back = translations.get(answer);
    if (back === undefined) return removed;
    return removed + [answer, exchange(back.to)].filter((key) => translations.delete(key)).length;
  }, 0);
}

/** One element, where its bytes are. */
type Row = {
  readonly key: DataView;
  readonly keyAt: number;
  readonly value: DataView;
  readonly valueAt: number;
};

/**
 * Removes the elements that are to go, and tells after some of them are gone; returns how many. A few at a time: somebody may begin anew
 * what was silent, and by the end of a long look it would be taken from him.
 */
function sweep<K, V>(map: BpfMap<K, V>, goes: (row: Row) => boolean, wentSome = () => {}): number {
  const { keySize, valueSize } = map.format;
  let removed = 0;
  for (const { count, keys, values } of map.batches()) {
    const gone: Uint8Array[] = [];
    const [key, value] = [new DataView(keys.buffer), new DataView(values.buffer)];
    for (let index = 0; index < count; index++) {
      const keyAt = index * keySize;
      const row = { key, keyAt, value, valueAt: index * valueSize };
      if (goes(row)) gone.push(keys.slice(keyAt, keyAt + keySize));
    }
    map.deleteBytes(Buffer.concat(gone));
    wentSome();
    removed += gone.length;
  }
  return removed;
}

/** Finds addresses in tuples without decoding them. */
class AddressIndex {
  readonly #byLastWord = new Map<number, readonly (readonly number[])[]>();

  constructor(addresses: Iterable<Ip>) {
    for (const address of addresses) {
      const view = new DataView(encode(someAddress, address).slice().buffer);
      const words = [0, 4, 8, 12].map((at) => view.getUint32(at, true));
      const last = words[3] ?? 0;
      this.#byLastWord.set(last, [...(this.#byLastWord.get(last) ?? []), words]);
    }
  }

  hasEitherEnd(view: DataView, at: number): boolean {
    return this.#has(view, at + tupleAt.source) || this.#has(view, at + tupleAt.destination);
  }

  #has(view: DataView, at: number): boolean {
    const found = this.#byLastWord.get(view.getUint32(at + 12, true));
    return found?.some((words) => words.every((each, index) => view.getUint32(at + 4 * index, true) === each)) ?? false;
  }
}

function decodeTuple({ buffer }: DataView, at: number): Tuple {
  return tuple.decode(new Reader(new Uint8Array(buffer.slice(at, at + tupleBytes))));
}
