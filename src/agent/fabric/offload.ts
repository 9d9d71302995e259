// Finds out whether the network cards of a node make the checksums of packets inside of the overlay right, and has the kernel make
// them where they do not: only pings pass then.

import { messageOf } from "#base/error-message.ts";
import { leaveChecksums, leavesChecksums } from "#kernel/checksum-offload.ts";
import { openDeviceUdp } from "#kernel/device-udp-socket.ts";
import type { Netns } from "#kernel/netns.ts";
import type { UdpSocket } from "#kernel/udp-socket.ts";
import { type Family, familyOf, type Ip } from "#net/ip.ts";
import type { Connection } from "#netlink/connection.ts";
import type { OffloadMemory } from "./offload-memory.ts";
import { decodeProbe, encodeProbe, probePort, tokenBytes } from "./probe-message.ts";
import { ensureProbeWays, type ProbePeer } from "./probe-ways.ts";
import { overlayName } from "./want.ts";

export type OffloadOptions = {
  readonly connection: Connection;
  /** Of the connection; undefined: the process's own. */
  readonly netns: Netns | undefined;
  readonly memory: OffloadMemory;
  /** Fills the array, as `crypto.getRandomValues` does. */
  readonly random: (bytes: Uint8Array) => Uint8Array;
  readonly log: (line: string) => void;
};

const tries = 5;
/** Of the tries, so many must have come through without a checksum, so that those with one were not lost by chance. */
const enough = 4;
const answerMs = 300;
/** For nodes that did not answer. */
const againMs = 3 * 60_000;
/** Nodes that are asked at once. */
const batch = 16;

/** How many datagrams came back, of those with a checksum by the device and those without. */
export type Answers = { readonly device: number; readonly none: number };

/** `unknown`: too little came back to tell. */
export function judgeAnswers({ device, none }: Answers): "right" | "wrong" | "unknown" {
  if (device > 0) return "right";
  return none >= enough ? "wrong" : "unknown";
}

/** Both kinds of datagram, over one overlay device. */
type Sockets = { readonly device: UdpSocket; readonly none: UdpSocket };

/** Asks and answers from the first `update` until it is disposed. */
export class Offload implements Disposable {
  readonly #options: OffloadOptions;
  readonly #ended = new AbortController();
  #sockets = new DisposableStack();
  readonly #byFamily = new Map<Family, Sockets>();
  #ifindex: number | undefined;
  #self: readonly Ip[] = [];
  #peers: readonly ProbePeer[] = [];
  /** Nodes about which nothing is left to find out. */
  readonly #settled = new Set<Ip>();
  /** Since the device is there; they are asked again after a time. */
  readonly #silent = new Set<Ip>();
  readonly #waiting = new Map<string, () => void>();
  #isAsking = false;
  #isTrying = false;
  #problem: string | undefined;
  readonly #period: ReturnType<typeof setInterval>;

  constructor(options: OffloadOptions) {
    this.#options = options;
    this.#period = setInterval(() => {
      this.#silent.clear();
      this.#askDue();
    }, againMs);
  }

  /** Nodes and the device may be others: `ifindex` is the overlay's, undefined without one. */
  update(ifindex: number | undefined, self: readonly Ip[], peers: readonly ProbePeer[]): void {
    try {
      this.#update(ifindex, self, peers);
      this.#problem = undefined;
    } catch (error) {
      this.#failed(error);
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#period);
    this.#ended.abort();
    this.#closeSockets();
  }

  #update(ifindex: number | undefined, self: readonly Ip[], peers: readonly ProbePeer[]): void {
    const { connection, netns, memory } = this.#options;
    this.#self = self;
    this.#peers = ifindex === undefined ? [] : peers;
    const addresses = new Set(this.#peers.map(({ address }) => address));
    // Whoever comes back may be another machine.
    for (const known of [this.#settled, this.#silent]) {
      for (const address of known) if (!addresses.has(address)) known.delete(address);
    }
    ensureProbeWays(connection, ifindex ?? 0, this.#peers);
    if (ifindex !== this.#ifindex) this.#closeSockets();
    this.#ifindex = ifindex;
    if (ifindex === undefined) return;
    if (memory.checksums() === "kernel" && leavesChecksums(netns, overlayName))
      leaveChecksums(netns, overlayName, false);
    // Whoever tried came to no end.
    if (memory.checksums() === "trying" && !this.#isTrying) this.#undo();
    for (const { address } of this.#peers) this.#openSockets(familyOf(address));
    this.#askDue();
  }

  #openSockets(family: Family): void {
    if (this.#byFamily.has(family)) return;
    const { netns } = this.#options;
    using opened = new DisposableStack();
    const open = (checksums: "device" | "none", port: number) =>
      opened.use(openDeviceUdp(netns, { family, device: overlayName, port, checksums }));
    const sockets = { device: open("device", 0), none: open("none", probePort) };
    this.#sockets.use(opened.move());
    this.#byFamily.set(family, sockets);
    this.#serve(sockets.none).catch((error: unknown) => {
      this.#failed(error);
      this.#closeSockets();
    });
  }

  #closeSockets(): void {
    this.#byFamily.clear();
    this.#sockets.dispose();
    this.#sockets = new DisposableStack();
  }

  /** Until the socket is closed. */
  async #serve(socket: UdpSocket): Promise<void> {
    const { signal } = this.#ended;
    const isOpen = () => !signal.aborted && [...this.#byFamily.values()].some(({ none }) => none === socket);
    const lookMs = 60_000;
    await socket.listen();
    while (isOpen()) {
      let bytes: Uint8Array | undefined;
      try {
        bytes = await socket.receive(lookMs, signal);
      } catch (error) {
        if (!isOpen()) return;
        throw error;
      }
      const message = bytes === undefined ? undefined : decodeProbe(bytes);
      if (message === undefined || !isOpen()) continue;
      if (message.kind === "answer") this.#waiting.get(message.token)?.();
      else this.#answer(socket, message.token, message.from);
    }
  }

  /** Only nodes are answered, and without a checksum: what is wrong here is not to be found there. */
  #answer(socket: UdpSocket, token: string, to: Ip): void {
    const self = this.#ownAddress(familyOf(to));
    if (self === undefined || !this.#peers.some(({ address }) => address === to)) return;
    this.#send(socket, encodeProbe({ kind: "answer", token, from: self }), to);
    // It is there now: there is no need to wait any longer.
    if (this.#silent.delete(to)) this.#askDue();
  }

  #send(socket: UdpSocket, bytes: Uint8Array, to: Ip): void {
    try {
      socket.send(bytes, to, probePort);
    } catch {
      // Lost as any datagram may be: the device is on its way to be another one, or the route to be mended.
    }
  }

  #ownAddress(family: Family): Ip | undefined {
    return this.#self.find((address) => familyOf(address) === family);
  }

  #askDue(): void {
    if (this.#isAsking || this.#ended.signal.aborted || this.#options.memory.checksums() === "kernel") return;
    const due = this.#peers
      .filter(({ address }) => !this.#settled.has(address) && !this.#silent.has(address))
      .slice(0, batch);
    if (due.length === 0) return;
    this.#isAsking = true;
    Promise.all(due.map(({ address }) => this.#examine(address)))
      .then((found) => this.#mendFor(found.find((address) => address !== undefined)))
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#isAsking = false;
        this.#askDue();
      });
  }

  /** The node's address when it gets no checksums of this node's devices. */
  async #examine(address: Ip): Promise<Ip | undefined> {
    const found = judgeAnswers(await this.#ask(address));
    if (found === "right") this.#settled.add(address);
    else this.#silent.add(address);
    return found === "wrong" ? address : undefined;
  }

  async #ask(address: Ip): Promise<Answers> {
    const answers = { device: 0, none: 0 };
    for (let round = 0; round < tries && answers.device === 0 && !this.#ended.signal.aborted; round++) {
      const [device, none] = await Promise.all([
        this.#isAnswered("device", address),
        this.#isAnswered("none", address),
      ]);
      answers.device += device ? 1 : 0;
      answers.none += none ? 1 : 0;
    }
    return answers;
  }

  async #isAnswered(kind: keyof Sockets, to: Ip): Promise<boolean> {
    const socket = this.#byFamily.get(familyOf(to))?.[kind];
    const from = this.#ownAddress(familyOf(to));
    if (socket === undefined || from === undefined) return false;
    const token = this.#options.random(new Uint8Array(tokenBytes)).toHex();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), answerMs);
    this.#waiting.set(token, () => resolve(true));
    this.#send(socket, encodeProbe({ kind: "ask", token, from }), to);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(token);
    }
  }

  /** Undone when it changes nothing: then something else is amiss. @throws KernelError */
  async #mendFor(address: Ip | undefined): Promise<void> {
    if (address === undefined || this.#ended.signal.aborted || this.#ifindex === undefined) return;
    const { netns, memory, log } = this.#options;
    // Somebody has done it already.
    if (!leavesChecksums(netns, overlayName)) return;
    this.#isTrying = true;
    try {
      memory.setChecksums("trying");
      leaveChecksums(netns, overlayName, false);
      const after = judgeAnswers(await this.#ask(address));
      if (this.#ended.signal.aborted) return;
      if (after === "right") {
        memory.setChecksums("kernel");
        log(
          `fabric: checksums of what ${overlayName} sends are made by the kernel from now on: node ${address} got none of ${tries} datagrams whose checksums a device had to make, and those without`,
        );
        return;
      }
      this.#undo();
      this.#settled.add(address);
      if (after === "wrong") {
        log(
          `fabric: node ${address} gets no datagram with a checksum through ${overlayName}, also when the kernel makes it: look for what drops UDP to port ${probePort} between the nodes`,
        );
      }
    } finally {
      this.#isTrying = false;
    }
  }

  #undo(): void {
    const { netns, memory } = this.#options;
    leaveChecksums(netns, overlayName, true);
    memory.setChecksums("devices");
  }

  /** Told once, however often it is tried again: the ways to other nodes do not depend on it. */
  #failed(error: unknown): void {
    const problem = messageOf(error);
    if (!this.#ended.signal.aborted && problem !== this.#problem) this.#options.log(`fabric: ${problem}`);
    this.#problem = problem;
  }
}
