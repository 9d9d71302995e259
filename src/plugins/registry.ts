// The standard plugins by the names of their executables. Each is loaded when it is first called.

import type { Plugin } from "#cni/plugin.ts";
import type { Host } from "./host.ts";

type Load = () => Promise<Plugin<Host>>;

const loaders: Readonly<Record<string, Load>> = {
  bandwidth: async () => (await import("./bandwidth/plugin.ts")).bandwidth,
  bridge: async () => (await import("./bridge/plugin.ts")).bridge,
  dhcp: async () => (await import("./dhcp/plugin.ts")).dhcp,
  dummy: async () => (await import("./dummy/plugin.ts")).dummy,
  firewall: async () => (await import("./firewall/plugin.ts")).firewall,
  flannel: async () => (await import("./flannel/plugin.ts")).flannel,
  "host-device": async () => (await import("./host-device/plugin.ts")).hostDevice,
  "host-local": async () => (await import("./host-local/plugin.ts")).hostLocal,
  ipvlan: async () => (await import("./ipvlan/plugin.ts")).ipvlan,
  loopback: async () => (await import("./loopback/plugin.ts")).loopback,
  macvlan: async () => (await import("./macvlan/plugin.ts")).macvlan,
  portmap: async () => (await import("./portmap/plugin.ts")).portmap,
  ptp: async () => (await import("./ptp/plugin.ts")).ptp,
  sbr: async () => (await import("./sbr/plugin.ts")).sbr,
  static: async () => (await import("./static/plugin.ts")).staticIpam,
  tap: async () => (await import("./tap/plugin.ts")).tap,
  tuning: async () => (await import("./tuning/plugin.ts")).tuning,
  vlan: async () => (await import("./vlan/plugin.ts")).vlan,
  vrf: async () => (await import("./vrf/plugin.ts")).vrf,
};

export const pluginNames: readonly string[] = Object.keys(loaders);

export function isStandardPlugin(name: string): boolean {
  return Object.hasOwn(loaders, name);
}

/** Undefined when there is no standard plugin of that name. */
export async function loadPlugin(name: string): Promise<Plugin<Host> | undefined> {
  return isStandardPlugin(name) ? loaders[name]?.() : undefined;
}
