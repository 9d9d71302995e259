// The standard plugins by the names of their executables. Each is loaded when it is first called, or by a service ahead of that.

import type { Plugin } from "#cni/plugin.ts";
import type { Host } from "./host.ts";

type Load = () => Promise<Plugin<Host>>;

const loaders = {
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
} as const satisfies Readonly<Record<string, Load>>;

export type PluginName = keyof typeof loaders;

export const pluginNames = Object.keys(loaders) as readonly PluginName[];

export function isStandardPlugin(name: string): name is PluginName {
  return Object.hasOwn(loaders, name);
}

// The engine's own way to a module it has loaded already costs a call 70 µs in an idle process.
const loaded: { [Name in PluginName]?: Plugin<Host> } = {};

export async function loadPlugin(name: PluginName): Promise<Plugin<Host>> {
  loaded[name] ??= await loaders[name]();
  return loaded[name];
}

/** Loads every plugin, so that no call waits for it; `idle` lets calls that came in meanwhile go first. */
export async function loadAllPlugins(idle: () => Promise<void>): Promise<void> {
  for (const name of pluginNames) {
    await loadPlugin(name);
    await idle();
  }
}
