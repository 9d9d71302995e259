// What ADD answers for the leases of an interface.

import type { CniRoute, Dns, Result } from "#cni/result.ts";
import type { LeaseRecord } from "./client.ts";

export type Additions = {
  /** Routes of the configuration, behind those of the server. */
  readonly routes: readonly CniRoute[];
  /** Metric of the server's routes. */
  readonly priority: number | undefined;
};

/** One address for each lease. DHCPv6 tells no router and no routes (RFC 8415): those come by router advertisements. */
export function resultOfLeases(records: readonly LeaseRecord[], { routes, priority }: Additions): Result {
  const metric = priority === undefined ? {} : { priority };
  const given = records.flatMap((record) => (record.family === "ipv4" ? record.lease.routes : []));
  return {
    interfaces: [],
    ips: records.map((record) => ({ address: record.lease.address, ...gatewayOf(record) })),
    routes: [...given.map((route) => ({ ...route, ...metric })), ...routes],
    dns: mergedDns(records.map(({ lease }) => lease.dns)),
  };
}

function gatewayOf(record: LeaseRecord) {
  if (record.family === "ipv6" || record.lease.gateway === undefined) return {};
  return { gateway: record.lease.gateway };
}

/** Name servers and search domains of all, in order and once each. */
function mergedDns(all: readonly Dns[]): Dns {
  const merged = (key: "nameservers" | "search") => {
    const lists = all.flatMap((dns) => dns[key] ?? []);
    return all.some((dns) => dns[key] !== undefined) ? { [key]: [...new Set(lists)] } : {};
  };
  const domain = all.find((dns) => dns.domain !== undefined)?.domain;
  return { ...merged("nameservers"), ...(domain === undefined ? {} : { domain }), ...merged("search") };
}
