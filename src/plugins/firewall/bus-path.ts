// Where the system's D-Bus is.

import { existsSync } from "node:fs";

/** Unless DBUS_SYSTEM_BUS_ADDRESS says otherwise. */
const defaultAddress = "unix:path=/run/dbus/system_bus_socket";

/** The path of the bus's socket, by the plugin's environment; undefined when the node has none. */
export function findBus(env: ReadonlyMap<string, string>): string | undefined {
  const path = pathOf(env.get("DBUS_SYSTEM_BUS_ADDRESS") || defaultAddress);
  return path !== undefined && existsSync(path) ? path : undefined;
}

/** Of several addresses the first that is a socket with a path: `unix:path=/run/bus,guid=1f;tcp:host=…`. */
export function pathOf(address: string): string | undefined {
  const [, escaped] = /(?:^|;)unix:(?:[^;]*,)?path=([^,;]+)/.exec(address) ?? [];
  return escaped?.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
