// Laws of the DHCPv6 codecs: what is written is read back, and no bytes do worse than a DecodeError or a refusal.
import { expect, test } from "bun:test";
import { type Codec, DecodeError, decode, encode } from "#codec/codec.ts";
import { ipFromBytes } from "#net/ip.ts";
import { forEachSeed, type Random } from "#test/random.ts";
import { type ClientFqdn, clientFqdn } from "./client-fqdn.ts";
import { readGrant } from "./lease.ts";
import { type Message, type MessageType, message, messageTypes } from "./message.ts";
import { iaAddress, iaNa, option, status, statusCodes } from "./option.ts";
import { type OptionList, optionList, writeOption } from "./option-list.ts";

function randomOptions(random: Random): OptionList {
  return random.list(
    5,
    () => [random.pick([1, 2, 3, 5, 13, 23, 254, 65_535]), random.bytes(random.int(0, 60))] as const,
  );
}

function randomMessage(random: Random): Message {
  const address = writeOption(option.iaAddress, randomAddress(random));
  const association = writeOption(option.iaNa, { iaid: 1, t1: random.u32(), t2: random.u32(), options: [address] });
  const server = writeOption(option.serverId, random.bytes(random.int(1, 20)));
  const type = random.pick(Object.keys(messageTypes) as MessageType[]);
  return { type, xid: random.below(0x100_0000), options: [server, association, ...randomOptions(random)] };
}

function randomAddress(random: Random) {
  const address = ipFromBytes(random.bytes(16));
  return { address, preferred: random.u32(), valid: random.u32(), options: randomOptions(random) };
}

function randomFqdn(random: Random): ClientFqdn {
  const labels = random.list(4, () => random.text(random.int(1, 63)));
  const end = labels.length > 0 && random.bool() ? [""] : [];
  return { flags: random.below(8), name: [...labels, ...end].join(".") };
}

function holds<T>(codec: Codec<T>, value: T): void {
  expect(decode(codec, encode(codec, value))).toEqual(value);
}

test("messages, options and what they hold are read as they were written", () => {
  forEachSeed(300, (random) => {
    holds(message, randomMessage(random));
    holds(optionList, randomOptions(random));
    holds(iaNa, { iaid: random.u32(), t1: random.u32(), t2: random.u32(), options: randomOptions(random) });
    holds(iaAddress, randomAddress(random));
    holds(status, { code: random.pick(Object.keys(statusCodes) as "success"[]), message: random.text(20) });
    holds(clientFqdn, randomFqdn(random));
    holds(
      option.dnsServers.codec,
      random.list(4, () => ipFromBytes(random.bytes(16))),
    );
    holds(
      option.request.codec,
      random.list(9, () => random.below(0x10000)),
    );
  });
});

test("whatever comes in is read, or refused with a DecodeError", () => {
  const readers = [message, optionList, ...Object.values(option).map(({ codec }) => codec)].map((codec) =>
    reading(codec),
  );
  forEachSeed(300, (random) => {
    const noise = random.bytes(random.int(0, 200));
    const spoilt = encode(message, randomMessage(random));
    for (let changes = random.int(1, 8); changes > 0; changes--) {
      spoilt[random.below(spoilt.length)] = random.below(256);
    }
    for (const bytes of [noise, spoilt, spoilt.subarray(0, random.below(spoilt.length))]) {
      for (const read of readers) {
        try {
          read(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }
    }
  });
});

test("an answer that can be read is a lease whose times are in order, or says why it is none", () => {
  forEachSeed(500, (random) => {
    const grant = readGrant(randomMessage(random), 1_000_000);
    if (!("lease" in grant)) return expect(grant.why).not.toBe("");
    const { renewAt, rebindAt, expiresAt } = grant.lease;
    expect([1_000_000, renewAt, rebindAt, expiresAt].toSorted((a, b) => a - b)).toEqual([
      1_000_000,
      renewAt,
      rebindAt,
      expiresAt,
    ]);
  });
});

function reading(codec: unknown): (bytes: Uint8Array) => void {
  return (bytes) => void decode(codec as Codec<unknown>, bytes);
}
