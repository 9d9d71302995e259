// The result of ADD inside Twill: the newest specification's form, whatever version goes over the wire.

import type { Cidr, IfAddr } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";

/** An interface a plugin made or uses. `sandbox` is the namespace's path, absent on the host. */
export type Interface = {
  readonly name: string;
  /** As the plugin wrote it: earlier plugins may be foreign, and not every hardware address has six bytes. */
  readonly mac?: string;
  readonly mtu?: number;
  readonly sandbox?: string;
  readonly socketPath?: string;
  readonly pciID?: string;
};

/** An address given to the container. `interface` is an index into the result's `interfaces`. */
export type IpConfig = {
  readonly interface?: number;
  readonly address: IfAddr;
  readonly gateway?: Ip;
};

/** A route in the container. Without `gw` the gateway of an address of the same family is meant. */
export type CniRoute = {
  readonly dst: Cidr;
  readonly gw?: Ip;
  readonly mtu?: number;
  readonly advmss?: number;
  readonly priority?: number;
  readonly table?: number;
  readonly scope?: number;
};

/** An empty list is not the same as none: in a configuration it overrides what IPAM said. */
export type Dns = {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
};

export type Result = {
  readonly interfaces: readonly Interface[];
  readonly ips: readonly IpConfig[];
  readonly routes: readonly CniRoute[];
  readonly dns: Dns;
};

export const emptyResult: Result = Object.freeze({ interfaces: [], ips: [], routes: [], dns: {} });
