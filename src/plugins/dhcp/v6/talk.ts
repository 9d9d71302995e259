// DHCPv6 messages under one transaction number, and what makes an answer one for us (RFC 8415, section 16).

import { DecodeError, decode, encode } from "#codec/codec.ts";
import type { Ip } from "#net/ip.ts";
import type { Surroundings } from "#plugins/dhcp/exchange.ts";
import type { Duid } from "./duid.ts";
import { iaid } from "./lease.ts";
import { type Message, type MessageType, message } from "./message.ts";
import { option } from "./option.ts";
import { type Option, type OptionList, type RawOption, readOption, writeOption } from "./option-list.ts";
import type { Terms6 } from "./terms.ts";
import type { Wire6 } from "./wire.ts";

export type Answer = { readonly message: Message; readonly server: Duid };

const requested: readonly number[] = [option.dnsServers.code, option.searchList.code, option.solMaxRt.code];
const maxElapsed = 0xffff;
/** RFC 4704, section 4.1: the S bit. */
const serverUpdates = 1;

export class Talk {
  /** Why the last answer that was passed over was of no use, as a clause; undefined when there was none. */
  problem: string | undefined;
  readonly #wire: Wire6;
  readonly #terms: Terms6;
  readonly #around: Surroundings;
  readonly #xid: number;
  #began: number | undefined;

  constructor(wire: Wire6, terms: Terms6, around: Surroundings) {
    this.#wire = wire;
    this.#terms = terms;
    this.#around = around;
    this.#xid = new DataView(around.random(new Uint8Array(4)).buffer).getUint32(0) >>> 8;
  }

  /** `address` is the one in use, or the one hoped for. @throws KernelError */
  send(
    type: "solicit" | "request" | "renew" | "rebind" | "release",
    extra: readonly RawOption[],
    address?: Ip | undefined,
  ): void {
    const now = this.#around.now();
    this.#began ??= now;
    const elapsed = Math.min(maxElapsed, Math.max(0, Math.floor((now - this.#began) / 10)));
    const options: OptionList = [
      writeOption(option.clientId, this.#terms.duid),
      writeOption(option.elapsed, elapsed),
      ...extra,
      writeOption(option.iaNa, { iaid, t1: 0, t2: 0, options: address === undefined ? [] : [inAssociation(address)] }),
      ...(type === "release" ? [] : this.#wishes()),
    ];
    this.#wire.send(encode(message, { type, xid: this.#xid, options }));
  }

  /** The first answer of one of the types until then; what is not for us, or malformed, is passed over. @throws KernelError */
  async answer(types: readonly MessageType[], until: number): Promise<Answer | undefined> {
    for (let leftMs = until - this.#around.now(); leftMs > 0; leftMs = until - this.#around.now()) {
      const payload = await this.#wire.receive(leftMs, this.#around.signal);
      if (this.#around.signal?.aborted === true) return undefined;
      const found = payload === undefined ? undefined : this.#parse(payload, types);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  passOver(problem: string): void {
    this.problem = problem;
  }

  /** An option that may be left out, and so may be damaged: then it counts as absent. */
  read<T>({ options }: Message, wanted: Option<T>): T | undefined {
    try {
      return readOption(options, wanted);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.passOver(`a server's answer is malformed: ${error.message}`);
      return undefined;
    }
  }

  #wishes(): OptionList {
    const { hostName } = this.#terms;
    const name = hostName === undefined ? undefined : { flags: serverUpdates, name: hostName };
    return [
      writeOption(option.request, name === undefined ? requested : [...requested, option.clientFqdn.code]),
      ...(name === undefined ? [] : [writeOption(option.clientFqdn, name)]),
    ];
  }

  #parse(payload: Uint8Array, types: readonly MessageType[]): Answer | undefined {
    try {
      const read = decode(message, payload, "DHCPv6 message");
      if (read.xid !== this.#xid || !types.some((type) => type === read.type)) return undefined;
      // Section 16.3 and 16.10: both identifiers must be there, and the client's must be its own.
      const client = readOption(read.options, option.clientId);
      if (client === undefined || !Buffer.from(client).equals(this.#terms.duid)) return undefined;
      const server = readOption(read.options, option.serverId);
      if (server !== undefined) return { message: read, server };
      this.passOver("a server answered without its identifier (option 2)");
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.passOver(`a server's answer is malformed: ${error.message}`);
    }
    return undefined;
  }
}

function inAssociation(address: Ip): RawOption {
  return writeOption(option.iaAddress, { address, preferred: 0, valid: 0, options: [] });
}
