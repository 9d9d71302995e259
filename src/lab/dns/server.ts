// A DNS server on UDP and TCP: messages in, messages out; what they say is elsewhere.

import * as dns from "dns-packet";

/** Answers a query; never throws. */
export type Responder = (query: dns.Packet) => Promise<dns.Packet>;

/** What a client without EDNS takes by UDP (RFC 1035 section 4.2.1). */
const plainUdpBytes = 512;
/** As much as passes any link of the lab unfragmented (RFC 9715). */
const maxUdpBytes = 1232;
/** Queries that one connection may have open, and for how long it may be idle. */
const maxPending = 32;
const idleSeconds = 10;
const lengthBytes = 2;

type Connection = { rest: Uint8Array; pending: number };

/** Serves on `hostname`:53 from its making until it is disposed. Throws when an address is taken or not there. */
export class DnsServer implements AsyncDisposable {
  readonly #udp: Bun.udp.Socket<"uint8array">;
  readonly #tcp: Bun.TCPSocketListener<Connection>;

  private constructor(udp: Bun.udp.Socket<"uint8array">, tcp: Bun.TCPSocketListener<Connection>) {
    this.#udp = udp;
    this.#tcp = tcp;
  }

  static async listen(hostname: string, port: number, respond: Responder): Promise<DnsServer> {
    const tcp = Bun.listen<Connection>({
      hostname,
      port,
      socket: {
        open(socket) {
          socket.data = { rest: new Uint8Array(0), pending: 0 };
          socket.timeout(idleSeconds);
        },
        data(socket, chunk) {
          readStream(socket, chunk, respond);
        },
        timeout(socket) {
          socket.end();
        },
        error() {},
      },
    });
    const udp = await Bun.udpSocket({
      hostname,
      port: tcp.port,
      binaryType: "uint8array",
      socket: {
        data(socket, message, clientPort, client) {
          void answerDatagram(message, respond).then((reply) => {
            if (reply !== undefined) sendTo(socket, reply, clientPort, client);
          });
        },
        error() {},
      },
    });
    return new DnsServer(udp, tcp);
  }

  get port(): number {
    return this.#tcp.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#udp.close();
    this.#tcp.stop(true);
  }
}

/**
 * The kernel tells with the next datagram that an earlier one's receiver had gone (udp(7), "Error handling"): that takes the error
 * away, and nobody waits for what cannot be sent.
 */
function sendTo(socket: Bun.udp.Socket<"uint8array">, message: Uint8Array, port: number, address: string): void {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      socket.send(message, port, address);
      return;
    } catch {}
  }
}

async function answerDatagram(message: Uint8Array, respond: Responder): Promise<Uint8Array | undefined> {
  const query = parse(message);
  if (query === undefined) return undefined;
  const reply = await respond(query);
  const bytes = dns.encode(reply);
  if (bytes.length <= udpLimit(query)) return bytes;
  // Truncated: the client asks again by TCP (RFC 2181 section 9).
  const flags = (reply.flags ?? 0) | dns.TRUNCATED_RESPONSE;
  return dns.encode({ ...reply, flags, answers: [], additionals: [], authorities: [] });
}

function udpLimit({ additionals = [] }: dns.Packet): number {
  const edns = additionals.find((record): record is dns.OptAnswer => record.type === "OPT");
  return Math.max(plainUdpBytes, Math.min(edns?.udpPayloadSize ?? plainUdpBytes, maxUdpBytes));
}

/** A query, or undefined for what is none: that gets no answer, so that two servers never talk in a circle. */
function parse(message: Uint8Array): dns.Packet | undefined {
  try {
    const packet = dns.decode(Buffer.from(message.buffer, message.byteOffset, message.byteLength));
    return packet.type === "query" ? packet : undefined;
  } catch {
    return undefined;
  }
}

/** Messages on a stream have their length before them (RFC 7766 section 8). */
function readStream(socket: Bun.Socket<Connection>, chunk: Uint8Array, respond: Responder): void {
  let rest = socket.data.rest.length === 0 ? chunk : Buffer.concat([socket.data.rest, chunk]);
  while (rest.length >= lengthBytes) {
    const length = ((rest[0] ?? 0) << 8) | (rest[1] ?? 0);
    if (rest.length < lengthBytes + length) break;
    const query = parse(rest.subarray(lengthBytes, lengthBytes + length));
    rest = rest.subarray(lengthBytes + length);
    if (query === undefined || socket.data.pending >= maxPending) {
      socket.end();
      return;
    }
    socket.data.pending++;
    void respond(query).then((reply) => {
      socket.data.pending--;
      socket.write(dns.streamEncode(reply));
    });
  }
  // The chunk's memory is the engine's: what waits for more is a copy.
  socket.data.rest = rest.slice();
}
