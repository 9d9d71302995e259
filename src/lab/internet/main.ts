// What the internet is in a lab: a web server and a name server, in a namespace of their own.

import { DnsServer } from "#lab/dns/server.ts";
import { internetAddress, internetName } from "#lab/fabric/addresses.ts";
import { answerInternet } from "./name-server.ts";

const httpPort = 80;
const dnsPort = 53;
/** Of all interfaces, for both families. */
const anywhere = "::";

/** Serves until the process is ended. Web pages say from which address they were asked for. */
export async function runInternet(log: (line: string) => void): Promise<never> {
  Bun.serve({
    hostname: anywhere,
    port: httpPort,
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
  log(`serving HTTP on port ${httpPort} and DNS on port ${dnsPort}`);
  return await new Promise(() => {});
}

/** An IPv4 address as such, not as a socket for both families shows it (RFC 4291, 2.5.5.2). */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, "");
}
