// What a DHCPv6 server granted for an interface: one address, until when, and the name servers.

import type { Dns } from "#cni/result.ts";
import { DecodeError } from "#codec/codec.ts";
import { type IfAddr, joinIfAddr } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";
import type { Duid } from "./duid.ts";
import type { Message } from "./message.ts";
import { option, type statusCodes } from "./option.ts";
import { type OptionList, readOption, readOptions } from "./option-list.ts";

/** Times are milliseconds since the epoch. */
export type Lease6 = {
  /** Always a /128: which addresses are on the link is the business of router advertisements. */
  readonly address: IfAddr;
  readonly dns: Dns;
  readonly server: Duid;
  /** T1: ask the same server for more time. */
  readonly renewAt: number;
  /** T2: ask any server. */
  readonly rebindAt: number;
  readonly expiresAt: number;
};

/** What a server says of an association: a lease, or why there is none. */
export type Grant =
  | { readonly lease: Lease6 }
  | { readonly status: keyof typeof statusCodes | number | "withdrawn" | "unusable"; readonly why: string };

/** The one association of an interface: its client has no other. */
export const iaid = 1;

/** RFC 8415, section 7.7: all ones is for ever. A century is as good, and still a number to count with. */
const infiniteSeconds = 0xffffffff;
const centurySeconds = 100 * 365 * 86_400;
/** RFC 8415, section 21.4, recommends these shares of the preferred lifetime for T1 and T2. */
const renewShare = 0.5;
const rebindShare = 0.8;

/**
 * Reads an ADVERTISE or a REPLY. `since` is when the question was sent: lifetimes count from the answer, which cannot have come
 * earlier. With `wanted`, that address is taken if it is among those given.
 */
export function readGrant({ options }: Message, since: number, wanted?: Ip): Grant {
  try {
    return grantOf(options, since, wanted);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return unusable(error.message);
  }
}

function grantOf(options: OptionList, since: number, wanted: Ip | undefined): Grant {
  const server = readOption(options, option.serverId);
  if (server === undefined) return unusable("it has no server identifier (option 2)");
  const refusal = refusalIn(options);
  if (refusal !== undefined) return refusal;
  const association = readOptions(options, option.iaNa).find((it) => it.iaid === iaid);
  if (association === undefined) return unusable("it has no association (option 3) for what was asked");
  const refused = refusalIn(association.options);
  if (refused !== undefined) return refused;
  const { t1, t2 } = association;
  // Section 21.4: "If a client receives an IA_NA with T1 greater than T2 and both T1 and T2 are greater than 0, the client
  // discards the IA_NA option".
  if (t1 > 0 && t2 > 0 && t1 > t2) return unusable(`its T1 of ${t1} s is after its T2 of ${t2} s`);
  const listed = readOptions(association.options, option.iaAddress);
  // Section 18.2.10.1: a lifetime of zero ends an address.
  if (listed.some(({ address, valid }) => address === wanted && valid === 0)) {
    return { status: "withdrawn", why: `it withdraws ${wanted}` };
  }
  const usable = listed.filter(
    // Section 21.6: "The client MUST discard any addresses for which the preferred lifetime is greater than the valid lifetime."
    ({ preferred, valid, options: within }) => valid > 0 && preferred <= valid && refusalIn(within) === undefined,
  );
  const given = usable.find(({ address }) => address === wanted) ?? usable[0];
  if (given === undefined) return unusable("it has no address (option 5) with a lifetime");
  const valid = seconds(given.valid);
  // An address that is deprecated from the start is still to be renewed.
  const preferred = given.preferred > 0 ? Math.min(seconds(given.preferred), valid) : valid;
  const rebind = Math.min(t2 > 0 ? seconds(t2) : Math.max(preferred * rebindShare, seconds(t1)), valid);
  const renew = Math.min(t1 > 0 ? seconds(t1) : preferred * renewShare, rebind);
  return {
    lease: {
      address: joinIfAddr(given.address, 128),
      dns: dnsOf(options),
      server,
      renewAt: since + renew * 1000,
      rebindAt: since + rebind * 1000,
      expiresAt: since + valid * 1000,
    },
  };
}

/** Status Code (section 21.13): absent is the same as success. */
function refusalIn(options: OptionList): Grant | undefined {
  const status = readOption(options, option.status);
  if (status === undefined || status.code === "success") return undefined;
  return { status: status.code, why: `${status.code}${status.message === "" ? "" : ` (${status.message})`}` };
}

function unusable(why: string): Grant {
  return { status: "unusable", why };
}

function seconds(granted: number): number {
  return granted === infiniteSeconds ? centurySeconds : granted;
}

function dnsOf(options: OptionList): Dns {
  const nameservers = readOption(options, option.dnsServers);
  const search = readOption(options, option.searchList);
  return { ...(nameservers === undefined ? {} : { nameservers }), ...(search === undefined ? {} : { search }) };
}
