// `twill explain`: why a connection is allowed or not, without sending a packet.

import type { CommandIo, OutputFormat } from "#cli/command.ts";
import { evaluate } from "#model/policy/evaluate.ts";
import { explain, formatTraffic } from "#model/policy/explain.ts";
import { formatParty } from "#model/policy/party.ts";
import { formatOrigin } from "#model/policy/rule.ts";
import { destinationsOf, parseTarget, partiesOf } from "./ends.ts";
import { readSource, type SourceGiven } from "./source.ts";

type ExplainCall = {
  readonly args: { readonly from: string; readonly to: string };
  readonly flags: SourceGiven & { readonly namespace: string; readonly output: OutputFormat };
};

/** 0 when everything asked for is allowed, 1 when something is denied. */
export async function runExplain({ args, flags }: ExplainCall, io: CommandIo): Promise<number> {
  const { world } = await readSource(flags, io);
  const pairs = partiesOf(world, args.from, flags.namespace).flatMap((from) =>
    destinationsOf(world, parseTarget(args.to), flags.namespace).map((destination) => ({ from, ...destination })),
  );
  const asked = pairs.map((pair) => ({ ...pair, verdict: evaluate(world.policies, pair.from, pair.to, pair.traffic) }));
  if (flags.output === "json") {
    const rows = asked.map(({ from, to, traffic, through, verdict }) => ({
      from: formatParty(from),
      to: formatParty(to),
      traffic: formatTraffic(traffic),
      ...(through === undefined ? {} : { through }),
      allowed: verdict.allowed,
      ...(verdict.exempt === undefined ? {} : { exempt: verdict.exempt }),
      egress: endOf(verdict.egress),
      ingress: endOf(verdict.ingress),
    }));
    io.stdout(`${JSON.stringify(rows, null, 2)}\n`);
  } else {
    const texts = asked.map(({ from, to, traffic, through, verdict }) => {
      const text = explain(from, to, traffic, verdict);
      return through === undefined ? text : `through ${through}\n${text}`;
    });
    io.stdout(texts.join("\n"));
  }
  return asked.every(({ verdict }) => verdict.allowed) ? 0 : 1;
}

type End = ReturnType<typeof evaluate>["egress"];

function endOf(end: End) {
  if (end === undefined) return undefined;
  const { allowed, decidedBy, isolatedBy, considered } = end;
  return {
    allowed,
    ...(decidedBy === undefined ? {} : { by: formatOrigin(decidedBy.rule.origin) }),
    isolatedBy: isolatedBy.map(({ origin }) => formatOrigin(origin)),
    rules: considered.map(({ rule, mismatches }) => ({ rule: formatOrigin(rule.origin), mismatches })),
  };
}
