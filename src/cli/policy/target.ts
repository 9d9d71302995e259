// What people write as the destination of a connection: WHERE[:PORT[/PROTOCOL]].

import { UsageError } from "#cli/command.ts";
import type { Traffic } from "#model/policy/match.ts";
import type { Protocol } from "#model/policy/rule.ts";
import { parseIp } from "#net/ip.ts";

/** `port` is a number or a name; of ICMP its type. */
export type Target = {
  readonly where: string;
  readonly port: string | undefined;
  /** Undefined: not said. A number is then one of TCP, a name of whatever it is declared. */
  readonly protocol: WrittenProtocol | undefined;
};

const protocols = ["tcp", "udp", "sctp", "icmp"] as const;
type WrittenProtocol = (typeof protocols)[number];
const maxPort = 65_535;
const maxIcmpType = 255;

/** `shop/db:5432`, `svc/backend:http/udp`, `[fd00::1]:80`, `10.0.0.1`, `shop/db/icmp`. @throws UsageError */
export function parseTarget(text: string): Target {
  const match = /^(\[[^\]]*\]|[^:]*?(?:::[^\]]*)?)(?::([\w-]+))?(?:\/(tcp|udp|sctp|icmp))?$/i.exec(bracketed(text));
  const [, where = "", port, word] = match ?? [];
  if (match === null || where === "")
    throw new UsageError(`cannot read "${text}": write WHERE[:PORT[/PROTOCOL]], like shop/db-0:5432/tcp`);
  const protocol = protocols.find((each) => each === word?.toLowerCase());
  return { where: where.replace(/^\[|\]$/g, ""), port, protocol };
}

/** A bare address of IPv6 has colons of its own. */
function bracketed(text: string): string {
  return parseIp(text) !== undefined && text.includes(":") ? `[${text}]` : text;
}

/** The traffic of a target whose port is a number, or is not said. @throws UsageError */
export function numberedTraffic(port: string | undefined, protocol: Protocol): Traffic {
  if (port === undefined) return { protocol, port: undefined };
  if (!/^\d+$/.test(port)) throw new UsageError(`no port is called ${port} there: give its number`);
  const number = Number(port);
  const most = protocol === "icmp" ? maxIcmpType : maxPort;
  if (number > most || (number === 0 && protocol !== "icmp"))
    throw new UsageError(`${number} is no ${protocol === "icmp" ? "type of ICMP: 0" : "port: 1"} to ${most}`);
  if (protocol === "icmp") return { protocol, port: undefined, icmp: { type: number, code: 0 } };
  return { protocol, port: number };
}
