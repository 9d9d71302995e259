// What the internet is in a lab: a web server, a name server and an echo, in a namespace of their own.

import { DnsServer } from "#lab/dns/server.ts";
import { internetAddress, internetName } from "#lab/fabric/addresses.ts";
import { answerInternet } from "./name-server.ts";
import { dnsPort, echoPort, webPort } from "./ports.ts";

/** Of all interfaces, for both families. */
const anywhere = "::";

/** Serves until the process is ended. Web pages say from which address they were asked for. */
export async function runInternet(log: (line: string) => void): Promise<never> {
  Bun.serve({
    hostname: anywhere,
    port: webPort,
    fetch(request, server) {
      const { pathname } = new URL(request.url);
      const client = plainAddress(server.requestIP(request)?.address ?? "an unknown address");
      return new Response(`${internetName} greets ${client}\n${request.method} ${pathname}\n`);
    },
  });
  const addresses = Object.values(internetAddress);
  await using _names = await DnsServer.listen(anywhere, dnsPort, async (query) =>
    answerInternet(query, internetName, addresses),
  );
  await Bun.udpSocket({
    hostname: anywhere,
    port: echoPort,
    socket: {
      data(socket, message, port, address) {
        trySend(socket, message, port, address);
      },
      error() {},
    },
  });
  log(`serving HTTP on port ${webPort}, DNS on port ${dnsPort} and an echo on UDP port ${echoPort}`);
  return await new Promise(() => {});
}

// A client that is gone is told of with the next datagram, whoever that is for.
function trySend(socket: Bun.udp.Socket<"buffer">, message: Buffer, port: number, address: string): void {
  try {
    socket.send(message, port, address);
  } catch {
    return;
  }
}

/** An IPv4 address as such, not as a socket for both families shows it (RFC 4291, 2.5.5.2). */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, "");
}
