// EndpointSlices: addresses of one family, which stays.

import type { EndpointSlice } from "#kube/kinds.ts";
import type { Rules } from "#lab/apiserver/registry.ts";
import { invalidValue, requiredValue, tooMany, unsupportedValue } from "#lab/apiserver/schema/cause.ts";
import { familyOf, parseIp } from "#net/ip.ts";
import { specialKind } from "#net/special.ts";
import { portFaults, subdomainFaults } from "./names.ts";

const types = ["FQDN", "IPv4", "IPv6"];
const maxEndpoints = 1000;
const maxAddresses = 100;
const maxPorts = 20_000;

export const endpointSliceRules: Rules = {
  validate: (object, old) => {
    const { addressType, endpoints = [], ports = [] } = object as EndpointSlice;
    const before = (old as EndpointSlice | undefined)?.addressType;
    if (!types.includes(addressType)) return [unsupportedValue("addressType", addressType, types)];
    return [
      ...(before !== undefined && before !== addressType
        ? [invalidValue("addressType", addressType, "field is immutable")]
        : []),
      ...(endpoints.length > maxEndpoints ? [tooMany("endpoints", endpoints.length, maxEndpoints)] : []),
      ...(ports.length > maxPorts ? [tooMany("ports", ports.length, maxPorts)] : []),
      ...ports.flatMap(({ port }, index) => portFaults(`ports[${index}].port`, port)),
      ...endpoints.flatMap(({ addresses = [] }, index) => {
        const at = `endpoints[${index}].addresses`;
        if (addresses.length === 0) return [requiredValue(at, "must contain at least 1 address")];
        if (addresses.length > maxAddresses) return [tooMany(at, addresses.length, maxAddresses)];
        return addresses.flatMap((address, number) => addressFaults(`${at}[${number}]`, address, addressType));
      }),
    ];
  },
};

function addressFaults(field: string, text: string, type: string) {
  if (type === "FQDN") return subdomainFaults(field, text);
  const address = parseIp(text);
  if (address === undefined || familyOf(address) !== (type === "IPv4" ? "ipv4" : "ipv6"))
    return [invalidValue(field, text, `must be a valid ${type} address`)];
  const kind = specialKind(address);
  return kind === undefined ? [] : [invalidValue(field, text, `may not be ${kind}`)];
}
