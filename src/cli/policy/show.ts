// `twill policy show`: one policy in words.

import type { CommandIo, OutputFormat } from "#cli/command.ts";
import { describePods, describeRule } from "#model/policy/describe.ts";
import { lint } from "#model/policy/lint/lint.ts";
import { formatWarning } from "#model/policy/lint/warning.ts";
import { choosesPod, peerMismatch } from "#model/policy/match.ts";
import { formatParty } from "#model/policy/party.ts";
import { formatOrigin, inOneObject, type Origin, type Policy, type Rule } from "#model/policy/rule.ts";
import type { World } from "#model/policy/world.ts";
import { formatFew } from "./few.ts";
import { findPolicies } from "./find-policy.ts";
import { readSource, type SourceGiven } from "./source.ts";

type Call = {
  readonly args: { readonly name: string };
  readonly flags: SourceGiven & { readonly namespace: string | undefined; readonly output: OutputFormat };
};

export async function runShow({ args, flags }: Call, io: CommandIo): Promise<number> {
  const { world, objects } = await readSource(flags, io);
  const policies = findPolicies(world.policies, args.name, flags.namespace);
  const isShown = (origin: Origin) => policies.some((policy) => inOneObject(policy.origin, origin));
  const warnings = lint(world, objects, isShown);
  const views = policies.map((policy) => ({
    ...viewOf(world, policy),
    warnings: warnings.filter(({ origin }) => inOneObject(origin, policy.origin)).map(formatWarning),
  }));
  io.stdout(flags.output === "json" ? `${JSON.stringify(views, null, 2)}\n` : views.map(format).join("\n"));
  return 0;
}

function viewOf(world: World, { origin, tier, order, subject, isolates, rules }: Policy) {
  return {
    policy: formatOrigin(origin),
    tier: tier.name,
    order,
    about: describePods(subject),
    pods: world.pods.filter((pod) => choosesPod(subject, pod) === undefined).map(formatParty),
    isolates,
    rules: rules.map((rule) => ({
      place: rule.origin.path,
      ...(rule.title === "" ? {} : { title: rule.title }),
      says: describeRule(rule),
      peers: peersOf(world, rule),
    })),
  };
}

/** The pods and nodes that a rule means; undefined where it means anybody. */
function peersOf({ pods, nodes }: World, { peers }: Rule): readonly string[] | undefined {
  if (peers === undefined) return undefined;
  return [...pods, ...nodes]
    .filter((party) => peers.some((peer) => peerMismatch(peer, party) === undefined))
    .map(formatParty);
}

type View = ReturnType<typeof viewOf> & { readonly warnings: readonly string[] };

function format({ policy, tier, order, about, pods, isolates, rules, warnings }: View): string {
  const place = tier === "network" ? "" : `, tier ${tier}, priority ${order}`;
  return [
    `${policy}${place}`,
    about === "no pod" ? "about no pod" : `about ${about}: ${listed(pods)}`,
    ...(isolates.length === 0 ? [] : [`${isolates.join(" and ")} denied, but for what NetworkPolicies allow`]),
    ...rules.flatMap(({ place: path, title, says, peers }) => [
      `${path}${title === undefined ? "" : ` "${title}"`} ${says}`,
      ...(peers === undefined ? [] : [`  of the cluster now ${listed(peers)}`]),
    ]),
    ...warnings,
    "",
  ].join("\n");
}

const few = 8;

function listed(names: readonly string[]): string {
  return names.length === 0 ? "none" : formatFew(names, few);
}
