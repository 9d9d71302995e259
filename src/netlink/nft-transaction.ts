// Transactions of nftables: all requests or none, and optionally only if nobody changed anything meanwhile.

import { attr, attrs } from "#codec/attrs.ts";
import { type Reader, Writer } from "#codec/codec.ts";
import { u32be } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import { Errno, errnoName, KernelError } from "#kernel/errno.ts";
import { NetlinkSocket } from "#kernel/netlink-socket.ts";
import type { Netns } from "#kernel/netns.ts";
import { ControlType, Flag, makeRequest, type Request, readAck, readMessages, writeMessage } from "./message.ts";
import {
  chainMessage,
  getChain,
  getElement,
  type HeldElement,
  listRules,
  type NftChain,
  type NftElement,
  NftMessage,
  nfgenmsg,
  nftSubsystem,
  readElement,
} from "./nft-element.ts";

/** NFNL_MSG_BATCH_ */
const Batch = { begin: 16, end: 17 } as const;
const batchMessage = struct({ ...nfgenmsg, attrs: attrs({ generation: attr(1, u32be) }) });
const plain = { family: 0, version: 0, resource: 0, attrs: {} };

/** How often a change that is decided by what it reads starts again because others changed nftables in between. */
const maxRetries = 100;

/** nftables by netlink, for requests that run for every container: none of them costs more when there are many. */
export class NftTransactions implements Disposable {
  readonly #socket: NetlinkSocket;
  #sequence = 0;

  constructor(netns?: Netns) {
    this.#socket = new NetlinkSocket("netfilter", netns);
  }

  /**
   * Runs the requests as one transaction. A failed one costs the kernel a grace period, about 10 ms: what fails often is asked first.
   * @throws KernelError of the first request that failed; nothing was changed then.
   */
  apply(requests: readonly Request[]): void {
    const error = this.#run(requests, undefined);
    if (error !== undefined) throw error;
  }

  /**
   * Runs what `decide` asks for, which may read; if anything in the namespace's nftables changed since before it read, it decides anew.
   * @throws KernelError EAGAIN when others never stop changing.
   */
  applyUnchanged(decide: () => readonly Request[]): void {
    for (let run = 0; run < maxRetries; run++) {
      const generation = this.generation();
      const requests = decide();
      const error = this.#run(requests, generation);
      if (error === undefined) return;
      // The generation given is no longer the current one.
      if (error.errno !== Errno.ERESTART) throw error;
    }
    throw new KernelError(`Cannot change nftables: others changed it ${maxRetries} times meanwhile`, Errno.EAGAIN);
  }

  /**
   * What `read` gives, of one and the same state: it reads anew if anything in the namespace's nftables changed meanwhile. A listing
   * that others change half-way shows rules of before and of after.
   * @throws KernelError EAGAIN when others never stop changing.
   */
  readUnchanged<T>(read: () => T): T {
    for (let run = 0; run < maxRetries; run++) {
      const generation = this.generation();
      const value = read();
      if (this.generation() === generation) return value;
    }
    throw new KernelError(`Cannot read nftables: others changed it ${maxRetries} times meanwhile`, Errno.EAGAIN);
  }

  /** Undefined when the element, its set or its table is missing. @throws KernelError */
  find(element: NftElement): HeldElement | undefined {
    return this.#find(getElement(element), readElement);
  }

  /**
   * What a chain is used by: its own rules, and the rules and elements that lead to it. Zero where it is missing.
   * @throws KernelError
   */
  usesOf(chain: NftChain): number {
    return this.#find(getChain(chain), (body) => chainMessage.decode(body).attrs.use) ?? 0;
  }

  /** @throws KernelError */
  hasChain(chain: NftChain): boolean {
    return this.#find(getChain(chain), () => true) ?? false;
  }

  /** How many rules a chain has, within `readUnchanged`; none where it is missing. @throws KernelError */
  countRules(chain: NftChain): number {
    const request = listRules(chain);
    const sequence = this.#send(request);
    for (let rules = 0; ; ) {
      for (const message of readMessages(this.#socket.receive())) {
        if (message.sequence !== sequence) continue;
        if (message.type !== ControlType.error && message.type !== ControlType.done) rules++;
        else {
          const { errno } = readAck(message);
          if (errno === 0 || errnoName(errno) === "ENOENT") return rules;
          throw new KernelError(`Cannot ${request.text}`, errno);
        }
      }
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  /** Another number after every change of anything in the namespace's nftables. @throws KernelError */
  generation(): number {
    const request = makeRequest(batchMessage, plain, {
      type: NftMessage.getGeneration,
      flags: 0,
      text: "read nftables' generation",
    });
    // NFTA_GEN_ID has the number of the batch's own attribute.
    return this.#find(request, (body) => batchMessage.decode(body).attrs.generation) ?? 0;
  }

  #find<T>(request: Request, read: (body: Reader) => T): T | undefined {
    const sequence = this.#send(request);
    for (;;) {
      for (const message of readMessages(this.#socket.receive())) {
        if (message.sequence !== sequence) continue;
        if (message.type !== ControlType.error) return read(message.body);
        const { errno, explanation } = readAck(message);
        // EINVAL: the set has keys of another type, so this one is not among them.
        if (["ENOENT", "EINVAL"].includes(errnoName(errno))) return undefined;
        throw new KernelError(`Cannot ${request.text}`, errno, explanation);
      }
    }
  }

  #send(request: Request): number {
    const writer = new Writer();
    const sequence = ++this.#sequence;
    writeMessage(writer, request, sequence, 0);
    this.#socket.send(writer.finish());
    return sequence;
  }

  #run(requests: readonly Request[], generation: number | undefined): KernelError | undefined {
    if (requests.length === 0) return undefined;
    const begin = ++this.#sequence;
    const last = begin + requests.length;
    const writer = new Writer();
    writeMessage(writer, envelope("begin", generation), begin, 0);
    // Kernels before 6.10 do not acknowledge the end: the last request is asked to.
    requests.forEach((request, i) => {
      writeMessage(writer, request, begin + 1 + i, begin + 1 + i === last ? Flag.ack : 0);
    });
    this.#sequence = last + 1;
    writeMessage(writer, envelope("end", undefined), last + 1, 0);
    this.#socket.send(writer.finish());
    return this.#outcome(requests, begin, last);
  }

  #outcome(requests: readonly Request[], begin: number, last: number): KernelError | undefined {
    let failure: KernelError | undefined;
    for (;;) {
      for (const message of readMessages(this.#socket.receive())) {
        if (message.type !== ControlType.error || message.sequence < begin) continue;
        const { errno, explanation } = readAck(message);
        const request = requests[message.sequence - begin - 1];
        if (errno !== 0 && !(request?.allow?.includes(errnoName(errno)) ?? false)) {
          failure ??= new KernelError(`Cannot ${request?.text ?? "change nftables"}`, errno, explanation);
        }
        // An error on the first message of all speaks for the whole transaction, and nothing follows it.
        if (message.sequence === begin || message.sequence === last) return failure;
      }
    }
  }
}

function envelope(which: keyof typeof Batch, generation: number | undefined): Request {
  const value = { family: 0, version: 0, resource: nftSubsystem, attrs: { generation } };
  return makeRequest(batchMessage, value, { type: Batch[which], flags: 0, text: `${which} a transaction` });
}
