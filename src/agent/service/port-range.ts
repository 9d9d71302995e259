// Ports that translated connections come from: kept from the node's own sockets.

import type { Netns } from "#kernel/netns.ts";
import { readSysctlIfThere, writeSysctl } from "#plugins/container.ts";

/** Beyond what the kernel gives to sockets unless told otherwise (32768 to 60999), and beyond node ports. */
export const translatedPorts = { first: 61_000, last: 65_535 } as const;

/** net.ipv4.ip_local_reserved_ports: not given to sockets that ask for any port, of both families. */
export const reservedPortsPath = "net/ipv4/ip_local_reserved_ports";

type Range = readonly [first: number, last: number];

/** The sysctl's value with our range, whatever else is in it: `22,61000-65535`. */
export function reservePorts(value: string): string {
  const { first, last } = translatedPorts;
  return format(merge([...parse(value), [first, last]]));
}

/** Sees to it that the node's sockets get none of them; whether somebody had changed that. @throws KernelError */
export function reserveTranslated(netns: Netns | undefined): boolean {
  const before = readSysctlIfThere(netns, reservedPortsPath) ?? "";
  const wanted = reservePorts(before);
  if (wanted !== before) writeSysctl(netns, reservedPortsPath, wanted);
  return wanted !== before;
}

/** The value without our range; what somebody else reserved within it is ours to give back as well. */
export function releasePorts(value: string): string {
  const { first, last } = translatedPorts;
  return format(
    parse(value).flatMap(([from, to]): readonly Range[] => [
      ...(from < first ? [[from, Math.min(to, first - 1)] as const] : []),
      ...(to > last ? [[Math.max(from, last + 1), to] as const] : []),
    ]),
  );
}

function parse(value: string): readonly Range[] {
  return value
    .split(",")
    .map((part) => /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part))
    .flatMap((match) => (match === null ? [] : [[Number(match[1]), Number(match[2] ?? match[1])] as const]));
}

function merge(ranges: readonly Range[]): readonly Range[] {
  const merged: Range[] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const before = merged.at(-1);
    if (before !== undefined && first <= before[1] + 1)
      merged[merged.length - 1] = [before[0], Math.max(before[1], last)];
    else merged.push([first, last]);
  }
  return merged;
}

function format(ranges: readonly Range[]): string {
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}
