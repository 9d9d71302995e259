// `twill ipam`: the addresses of this node, or of the nodes of a lab.

import { AgentApiError } from "#api/client.ts";
import type { CheckMessage, IpamMessage, ReleaseMessage } from "#api/messages.ts";
import type { CommandIo } from "#cli/command.ts";
import { contains } from "#net/cidr.ts";
import { parseIp } from "#net/ip.ts";
import { type AgentsFlags, type Answer, type Answers, answersAsJson, askAgents, formatAnswers } from "./ask-agents.ts";

export async function ipamShow({ flags }: { readonly flags: AgentsFlags }, io: CommandIo): Promise<number> {
  const found = await askAgents<IpamMessage>(flags, "GET /v1/ipam", io);
  io.stdout(flags.output === "json" ? answersAsJson(found) : formatIpam(found));
  return found.exitCode;
}

/** Exit code 1: something does not agree. */
export async function ipamCheck({ flags }: { readonly flags: AgentsFlags }, io: CommandIo): Promise<number> {
  const found = await askAgents<CheckMessage>(flags, "GET /v1/ipam/check", io);
  const { answers, isOne, exitCode } = found;
  const faults = answers.flatMap(({ where, answer }) =>
    answer.faults.map((fault) => (isOne ? fault : `${where}: ${fault}`)),
  );
  if (flags.output === "json") io.stdout(answersAsJson(found));
  else io.stdout(faults.length === 0 ? "all agrees\n" : faults.map((fault) => `${fault}\n`).join(""));
  return faults.length === 0 ? exitCode : 1;
}

type ReleaseCall = {
  readonly args: { readonly address: string };
  readonly flags: AgentsFlags & { readonly force: boolean };
};

export async function ipamRelease({ args, flags }: ReleaseCall, io: CommandIo): Promise<number> {
  const { ask } = ownerOf(args.address, await askAgents<IpamMessage>(flags, "GET /v1/ipam", io));
  const query = new URLSearchParams({ address: args.address, force: String(flags.force) });
  const answer = await ask<ReleaseMessage>(`POST /v1/ipam/release?${query.toString()}`);
  io.stdout(flags.output === "json" ? `${JSON.stringify(answer)}\n` : `${answer.done}\n`);
  return 0;
}

/** The agent that an address is the matter of: the only one says itself what it thinks of it. @throws AgentApiError */
function ownerOf(text: string, { answers, isOne }: Answers<IpamMessage>): Answer<IpamMessage> {
  const address = parseIp(text);
  const owner = answers.find(
    ({ answer: { pools, addresses } }) =>
      isOne ||
      (address !== undefined &&
        (addresses.some((each) => each.address === address) || pools.some(({ block }) => contains(block, address)))),
  );
  if (owner !== undefined) return owner;
  const blocks = answers.flatMap(({ where, answer }) => answer.pools.map(({ block }) => `${block} of ${where}`));
  throw new AgentApiError(`Cannot release ${text}: it is in none of the blocks ${blocks.join(", ")}`);
}

function formatIpam(found: Answers<IpamMessage>): string {
  const pools = formatAnswers(found, ["BLOCK", "ADDRESSES", "TAKEN", "RESTING", "NEXT FREE"], (answer) =>
    answer.pools.map(({ block, total, taken, cooling, nextFreeSeconds }) => [
      block,
      total.length > 12 ? "many" : total,
      String(taken),
      String(cooling),
      nextFreeSeconds === null ? "" : `in ${nextFreeSeconds} s`,
    ]),
  );
  if (found.answers.every(({ answer }) => answer.addresses.length === 0)) return pools;
  const addresses = formatAnswers(found, ["ADDRESS", "OWNER"], (answer) =>
    answer.addresses.map(({ address, owner }) => [address, owner]),
  );
  return `${pools}\n${addresses}`;
}
