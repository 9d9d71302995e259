// `twill ipam`: the addresses of this node.

import { askAgent } from "#api/client.ts";
import type { CheckMessage, IpamMessage, ReleaseMessage } from "#api/messages.ts";
import type { CommandIo } from "#cli/command.ts";
import { formatTable } from "#cli/table.ts";
import type { ApiFlags } from "./status.ts";

export async function ipamShow({ flags }: { readonly flags: ApiFlags }, io: CommandIo): Promise<number> {
  const ipam = await askAgent<IpamMessage>(flags["api-socket"], "GET /v1/ipam");
  io.stdout(flags.output === "json" ? `${JSON.stringify(ipam, undefined, 2)}\n` : formatIpam(ipam));
  return 0;
}

/** Exit code 1: something does not agree. */
export async function ipamCheck({ flags }: { readonly flags: ApiFlags }, io: CommandIo): Promise<number> {
  const { faults } = await askAgent<CheckMessage>(flags["api-socket"], "GET /v1/ipam/check");
  if (flags.output === "json") io.stdout(`${JSON.stringify({ faults }, undefined, 2)}\n`);
  else io.stdout(faults.length === 0 ? "all agrees\n" : faults.map((fault) => `${fault}\n`).join(""));
  return faults.length === 0 ? 0 : 1;
}

type ReleaseCall = {
  readonly args: { readonly address: string };
  readonly flags: ApiFlags & { readonly force: boolean };
};

export async function ipamRelease({ args, flags }: ReleaseCall, io: CommandIo): Promise<number> {
  const query = new URLSearchParams({ address: args.address, force: String(flags.force) });
  const answer = await askAgent<ReleaseMessage>(flags["api-socket"], `POST /v1/ipam/release?${query.toString()}`);
  io.stdout(flags.output === "json" ? `${JSON.stringify(answer)}\n` : `${answer.done}\n`);
  return 0;
}

function formatIpam({ pools, addresses }: IpamMessage): string {
  const rows = pools.map(({ block, total, taken, cooling, nextFreeSeconds }) => [
    block,
    total.length > 12 ? "many" : total,
    String(taken),
    String(cooling),
    nextFreeSeconds === null ? "" : `in ${nextFreeSeconds} s`,
  ]);
  const table = formatTable([["BLOCK", "ADDRESSES", "TAKEN", "RESTING", "NEXT FREE"], ...rows]);
  if (addresses.length === 0) return table;
  return `${table}\n${formatTable([["ADDRESS", "OWNER"], ...addresses.map(({ address, owner }) => [address, owner])])}`;
}
