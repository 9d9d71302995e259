// A DHCP server on a link of a test's own: dnsmasq or ISC dhcpd, for IPv4, IPv6 or both, from one description.
import { mkdirSync } from "node:fs";
import type { Netns, Sandbox, Started } from "../sandbox.ts";
import { needsTools } from "../tools.ts";
import { prepareDhcpd } from "./dhcpd.ts";
import { prepareDnsmasq } from "./dnsmasq.ts";

/** What the clients of one family are offered. Addresses are text; those of IPv6 without brackets. */
export type DhcpPool = {
  readonly from: string;
  readonly to: string;
  /** The network that both are in, such as `10.1.0.0/24`; the server's interface needs an address of it. */
  readonly subnet: string;
  /** dnsmasq takes no less than 120. */
  readonly leaseSeconds: number;
  readonly dns?: readonly string[];
  readonly search?: readonly string[];
};

export type DhcpPool4 = DhcpPool & {
  readonly router?: string;
  readonly domain?: string;
  readonly mtu?: number;
  /** Option 121, RFC 3442: destination and gateway of each. */
  readonly classlessRoutes?: readonly (readonly [destination: string, gateway: string])[];
};

export type DhcpPool6 = DhcpPool & {
  /** dnsmasq also tells the link that it is a router. */
  readonly advertise?: boolean;
};

export type DhcpOptions = {
  readonly box: Sandbox;
  /** Where the server runs. */
  readonly netns: Netns;
  /** The link it serves, up and with its addresses. */
  readonly link: string;
  readonly server: "dnsmasq" | "dhcpd";
  readonly v4?: DhcpPool4;
  readonly v6?: DhcpPool6;
};

export type DhcpLease = {
  readonly address: string;
  /** The client's link-layer address; undefined for IPv6. */
  readonly mac: string | undefined;
  /** The client identifier, for IPv6 the DUID: bytes as `01:a2:...`; undefined when the client sent none. */
  readonly clientId: string | undefined;
  readonly hostname: string | undefined;
  /** Seconds since 1970. */
  readonly expires: number;
};

/** What one server program needs to be run, and how its leases are read. */
export type DhcpServerPlan = {
  readonly tools: Readonly<Record<string, string>>;
  /** One process for each; dhcpd serves one family. */
  readonly commands: readonly (readonly string[])[];
  /** What each process logs once it serves. */
  readonly serving: string;
  readonly leases: () => readonly DhcpLease[];
};

const startWaitMs = 30_000;

/** Starts the server and waits until it serves. It goes with the sandbox. */
export async function startDhcpServer(options: DhcpOptions): Promise<DhcpServer> {
  const { box, netns, link, server, v4, v6 } = options;
  if (v4 === undefined && v6 === undefined) throw new Error("Cannot start a DHCP server: give it v4, v6 or both");
  const folder = box.dir();
  mkdirSync(folder, { recursive: true });
  const plan = server === "dnsmasq" ? prepareDnsmasq(options, folder) : prepareDhcpd(options, folder);
  needsTools(`serve DHCP with ${server}`, plan.tools);
  // dhcpd for IPv6 refuses a link whose own address is still being probed for a duplicate.
  await until(
    () => box.sh(netns, ["ip", "-6", "address", "show", "dev", link, "tentative"]) === "",
    () => `${link} has tentative addresses`,
  );
  const processes = plan.commands.map((command) => box.start(netns, command));
  const log = () => processes.map((process) => process.output()).join("");
  await until(() => processes.every((process) => process.output().includes(plan.serving)), log);
  return new DhcpServer(processes, plan);
}

/** A running server. */
export class DhcpServer {
  readonly #processes: readonly Started[];
  readonly #plan: DhcpServerPlan;

  /** Use `startDhcpServer`. */
  constructor(processes: readonly Started[], plan: DhcpServerPlan) {
    this.#processes = processes;
    this.#plan = plan;
  }

  /** The leases in the server's own file. One that has run out may still be there: compare `expires`. */
  leases(): readonly DhcpLease[] {
    return this.#plan.leases();
  }

  /** Every message of the protocol by its name (DHCPDISCOVER, DHCPRELEASE, ...), in the server's words. */
  log(): string {
    return this.#processes.map((process) => process.output()).join("");
  }

  /** Ends the server as a crash would: the clients hear nothing. */
  stop(): void {
    for (const process of this.#processes) process.kill();
  }
}

async function until(done: () => boolean, log: () => string): Promise<void> {
  const giveUp = performance.now() + startWaitMs;
  while (!done()) {
    if (performance.now() > giveUp)
      throw new Error(`The DHCP server does not serve within ${startWaitMs} ms:\n${log()}`);
    await Bun.sleep(10);
  }
}
