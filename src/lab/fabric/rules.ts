// nftables of the switch: pods' way to the internet, and what is done to wires. Tables are replaced whole, in one transaction.

import type { LabSpec } from "#lab/spec.ts";
import { familiesOf } from "#lab/spec.ts";
import { podBlock } from "./addresses.ts";
import { internetLink } from "./want.ts";
import { delayedWays, type Way, waitingDevice, waysOf } from "./wires.ts";

/**
 * Pods leave for the internet with the switch's address, as at the border of a site; nothing else is translated. Where agents are, pods
 * leave their nodes with the nodes' addresses already, which the internet knows.
 */
export function masqueradeText(spec: LabSpec): string {
  const families = spec.agents === undefined ? familiesOf(spec.family) : [];
  const rules = families.map((family) => {
    const source = family === "ipv4" ? "ip saddr" : "ip6 saddr";
    return `oifname "${internetLink}" ${source} ${podBlock[family]} masquerade`;
  });
  return replaceTable("inet twill_internet", [chain("postrouting", "type nat hook postrouting priority 100", rules)]);
}

const perMyriad = 10_000;

/**
 * Cut wires and lost frames. A frame is marked with the port it came in by, and the switch keeps the mark when it routes: so the port it
 * leaves by knows from whom it is, whatever its addresses are.
 */
export function wiresText(spec: LabSpec): string {
  const ways = waysOf(spec);
  const marks = [...new Map(ways.map(({ from }) => [from.index, from])).values()].map(
    ({ name, index }) => `iifname "${name}" meta mark set ${index}`,
  );
  const drops = ways.flatMap((way) => {
    const lost = Math.round(way.lossPercent * (perMyriad / 100));
    if (way.cut || lost === perMyriad) return [`${matching(way)} drop`];
    return lost > 0 ? [`${matching(way)} numgen random mod ${perMyriad} < ${lost} drop`] : [];
  });
  return replaceTable("bridge twill_wires", [
    chain("incoming", "type filter hook prerouting priority -300", marks),
    chain("outgoing", "type filter hook postrouting priority 300", drops),
  ]);
}

/** Sends frames of delayed ways to the devices where they wait. Those devices must be there. */
export function delaysText(spec: LabSpec): string {
  const ways = delayedWays(spec);
  const ports = [...new Set(ways.map(({ to }) => to.name))];
  return replaceTable(
    delaysTable,
    ports.map((port) =>
      chain(
        `to_${port}`,
        `type filter hook egress device "${port}" priority 0`,
        ways
          .filter(({ to }) => to.name === port)
          .map((way) => `meta mark ${way.from.index} fwd to "${waitingDevice(way)}"`),
      ),
    ),
  );
}

const delaysTable = "netdev twill_delays";

/** Frames wait nowhere. */
export const noDelaysText = `add table ${delaysTable}\ndelete table ${delaysTable}\n`;

function matching({ from, to }: Way): string {
  return `meta mark ${from.index} oifname "${to.name}"`;
}

function chain(name: string, hook: string, rules: readonly string[]): string {
  return [`  chain ${name} {`, `    ${hook};`, ...rules.map((rule) => `    ${rule}`), "  }"].join("\n");
}

/** A table that may or may not be there. */
function replaceTable(table: string, chains: readonly string[]): string {
  return [`add table ${table}`, `delete table ${table}`, `table ${table} {`, ...chains, "}", ""].join("\n");
}
