// A lease: what the server granted, until when, and what the container gets of it.

import type { CniRoute, Dns } from "#cni/result.ts";
import { defaultCidr, type IfAddr, joinIfAddr } from "#net/cidr.ts";
import { type Ip, ipToBigint } from "#net/ip.ts";
import type { Mac } from "#net/mac.ts";
import type { Message } from "./message.ts";
import { unspecified } from "./message.ts";
import { option, readOption } from "./option.ts";
import type { OptionList } from "./option-list.ts";

/** Times are milliseconds since the epoch. */
export type Lease = {
  readonly address: IfAddr;
  /** First of the routers. */
  readonly gateway?: Ip;
  readonly routes: readonly CniRoute[];
  readonly dns: Dns;
  readonly server: Ip;
  /** Where the server's frames came from: its own interface or a relay's. */
  readonly serverMac: Mac;
  /** T1: ask the same server for more time. */
  readonly renewAt: number;
  /** T2: ask any server. */
  readonly rebindAt: number;
  readonly expiresAt: number;
};

/** RFC 2131 does not allow an answer without a time; the reference takes an hour then. */
const defaultLeaseSeconds = 3600;
/** RFC 2131, section 3.3: all ones is for ever. A century is as good, and still a number to count with. */
const infiniteSeconds = 0xffffffff;
/** RFC 2131, section 4.4.5. */
const renewShare = 0.5;
/** RFC 2131 says 7/8, the reference 85 %. */
const rebindShare = 0.85;
const scopeLink = 253;

/**
 * Reads a server's answer. `since` is when the request was sent: RFC 2131, section 4.4.1 counts from there.
 * @throws RangeError when it lacks what a lease must have; DecodeError when an option is malformed.
 */
export function leaseFrom(ack: Message, serverMac: Mac, since: number): Lease {
  const { options } = ack;
  const mask = readOption(options, option.subnetMask);
  if (mask === undefined) throw new RangeError("it has no subnet mask (option 1)");
  const server = readOption(options, option.serverId);
  if (server === undefined) throw new RangeError("it has no server identifier (option 54)");
  const gateway = readOption(options, option.routers)?.[0];
  return {
    address: joinIfAddr(ack.yiaddr, prefixLength(mask)),
    ...(gateway === undefined ? {} : { gateway }),
    routes: routesOf(options, gateway),
    dns: dnsOf(options),
    server,
    serverMac,
    ...timesOf(options, since),
  };
}

function timesOf(options: OptionList, since: number): Pick<Lease, "renewAt" | "rebindAt" | "expiresAt"> {
  const granted = readOption(options, option.leaseSeconds) ?? defaultLeaseSeconds;
  const seconds = granted === infiniteSeconds ? 100 * 365 * 86_400 : granted;
  const rebind = within(readOption(options, option.rebindSeconds), seconds) ?? seconds * rebindShare;
  const renew = within(readOption(options, option.renewSeconds), rebind) ?? Math.min(seconds * renewShare, rebind);
  return { renewAt: since + renew * 1000, rebindAt: since + rebind * 1000, expiresAt: since + seconds * 1000 };
}

/** A server's own times must keep their order: T1 < T2 < end (RFC 2131, section 4.4.5). */
function within(seconds: number | undefined, limit: number): number | undefined {
  return seconds !== undefined && seconds > 0 && seconds < limit ? seconds : undefined;
}

function routesOf(options: OptionList, gateway: Ip | undefined): readonly CniRoute[] {
  const classless = readOption(options, option.classlessRoutes);
  const mtu = readOption(options, option.interfaceMtu);
  // RFC 3442: "If the DHCP server returns both a Classless Static Routes option and a Router option, the DHCP client MUST
  // ignore the Router option." The same goes for option 33.
  const routes: readonly CniRoute[] =
    classless !== undefined
      ? classless.map(({ dst, gw }) => (gw === unspecified ? { dst, scope: scopeLink } : { dst, gw }))
      : [
          ...(readOption(options, option.staticRoutes) ?? []),
          ...(gateway === undefined ? [] : [{ dst: defaultCidr("ipv4"), gw: gateway }]),
        ];
  return mtu === undefined ? routes : routes.map((route) => ({ ...route, mtu }));
}

function dnsOf(options: OptionList): Dns {
  const nameservers = readOption(options, option.dnsServers);
  const domain = readOption(options, option.domainName);
  const search = readOption(options, option.searchList);
  return {
    ...(nameservers === undefined ? {} : { nameservers }),
    ...(domain === undefined || domain === "" ? {} : { domain }),
    ...(search === undefined ? {} : { search }),
  };
}

/** @throws RangeError when ones follow zeros. */
function prefixLength(mask: Ip): number {
  const bits = ipToBigint(mask).toString(2).padStart(32, "0");
  if (bits.includes("01")) throw new RangeError(`its subnet mask ${mask} is not contiguous`);
  return bits.indexOf("0") < 0 ? 32 : bits.indexOf("0");
}
