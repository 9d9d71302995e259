// A UDP socket that speaks over one device only, with its checksums left to that device or without any.

import { type Family, familyOf, type Ip, ipBytes } from "#net/ip.ts";
import { DatagramInbox } from "./datagram-inbox.ts";
import { KernelError } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { checked, errno, libc } from "./libc.ts";
import { type Netns, socketIn } from "./netns.ts";
import { attachFilter } from "./socket-filter.ts";

const addressFamilies = { ipv4: 2, ipv6: 10 } as const;
const sockDgram = 2;
const sockCloexec = 0o2000000;
const sockNonblock = 0o4000;
const udpHeaderBytes = 8;
/** Level, option and value. */
type Option = readonly [level: number, option: number, value: Uint8Array];
const on = new Uint8Array([1, 0, 0, 0]);
const onlyIpv6: Option = [41, 26, on]; // IPV6_V6ONLY
// RFC 768 and RFC 6935: zero says that there is none.
const withoutChecksum: Record<Family, readonly Option[]> = {
  ipv4: [[1, 11, on]], // SO_NO_CHECK
  ipv6: [[17, 101, on]], // UDP_NO_CHECK6_TX
};
const takesNoChecksum: Option = [17, 102, on]; // UDP_NO_CHECK6_RX

export type DeviceUdpPlace = {
  readonly family: Family;
  readonly device: string;
  /** 0: any. */
  readonly port: number;
  /** `device`: it, or the kernel on its behalf, makes them before the wire. */
  readonly checksums: "device" | "none";
};

/** Owns its descriptor; datagrams that arrive after `listen` are kept until `receive` asks for them. */
export class DeviceUdpSocket implements Disposable {
  readonly #subject: string;
  readonly #fd: Fd;
  readonly #inbox: DatagramInbox;

  /** Takes datagrams with and without a checksum. @throws KernelError ENODEV without the device, EADDRINUSE */
  constructor(netns: Netns | undefined, { family, device, port, checksums }: DeviceUdpPlace) {
    this.#subject = `UDP port ${port} of ${device}`;
    this.#fd = socketIn(netns, addressFamilies[family], sockDgram | sockCloexec | sockNonblock, 0);
    this.#inbox = new DatagramInbox(this.#fd, this.#subject);
    const bindToDevice: Option = [1, 25, new TextEncoder().encode(`${device}\0`)];
    const options = [
      bindToDevice,
      ...(family === "ipv6" ? [onlyIpv6, takesNoChecksum] : []),
      ...(checksums === "none" ? withoutChecksum[family] : []),
    ];
    const failure = () => `Cannot open ${this.#subject}`;
    try {
      // Without empty ones; the filter sees the UDP header, too.
      attachFilter(this.#fd, [
        [0x80, 0, 0, 0], // ld length
        [0x25, 0, 1, udpHeaderBytes], // greater, else drop
        [0x06, 0, 0, 0x40000], // accept
        [0x06, 0, 0, 0], // drop
      ]);
      for (const [level, option, value] of options) {
        checked(libc.setsockopt(this.#fd.number, level, option, value, value.length), failure);
      }
      const address = sockaddr(family, undefined, port);
      checked(libc.bind(this.#fd.number, address, address.length), failure);
    } catch (error) {
      this.#fd[Symbol.dispose]();
      throw error;
    }
  }

  /** @throws KernelError, ENETUNREACH without a route over the device */
  send(payload: Uint8Array, to: Ip, port: number): void {
    if (this.#inbox.ended !== undefined) throw this.#inbox.ended;
    const address = sockaddr(familyOf(to), to, port);
    const sent = Number(libc.sendto(this.#fd.number, payload, payload.length, 0, address, address.length));
    if (sent !== payload.length) throw new KernelError(`Cannot send to ${to} from ${this.#subject}`, errno());
  }

  /** Begins to receive. @throws KernelError */
  listen(): Promise<void> {
    return this.#inbox.listen();
  }

  /** The next payload, as `DatagramInbox.receive`. @throws KernelError */
  receive(timeoutMs: number, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    return this.#inbox.receive(timeoutMs, signal);
  }

  [Symbol.dispose](): void {
    this.#inbox[Symbol.dispose]();
    this.#fd[Symbol.dispose]();
  }
}

/** struct sockaddr_in or sockaddr_in6; undefined: any address. */
function sockaddr(family: Family, address: Ip | undefined, port: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(family === "ipv4" ? 16 : 28));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, addressFamilies[family], true);
  view.setUint16(2, port, false);
  if (address !== undefined) bytes.set(ipBytes(address), family === "ipv4" ? 4 : 8);
  return bytes;
}
