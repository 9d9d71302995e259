// `twill policy show`: one policy in words.

import { nearest } from "#base/nearest.ts";
import { type CommandIo, type OutputFormat, UsageError } from "#cli/command.ts";
import { describePods, describeRule } from "#model/policy/describe.ts";
import { lint } from "#model/policy/lint/lint.ts";
import { formatWarning } from "#model/policy/lint/warning.ts";
import { choosesPod, peerMismatch } from "#model/policy/match.ts";
import { formatParty } from "#model/policy/party.ts";
import { formatOrigin, type Policy, type Rule } from "#model/policy/rule.ts";
import type { World } from "#model/policy/world.ts";
import { readSource, type SourceGiven } from "./source.ts";

type Call = {
  readonly args: { readonly name: string };
  readonly flags: SourceGiven & { readonly output: OutputFormat };
};

export async function runShow({ args, flags }: Call, io: CommandIo): Promise<number> {
  const { world, objects } = await readSource(flags, io);
  const policies = find(world.policies, args.name);
  const warnings = lint(world, objects);
  const views = policies.map((policy) => ({
    ...viewOf(world, policy),
    warnings: warnings.filter(({ origin }) => sameObject(origin, policy.origin)).map(formatWarning),
  }));
  io.stdout(flags.output === "json" ? `${JSON.stringify(views, null, 2)}\n` : views.map(format).join("\n"));
  return 0;
}

/** By `NAME` in any namespace, or `NAMESPACE/NAME`. @throws UsageError */
function find(policies: readonly Policy[], text: string): readonly Policy[] {
  const nameOf = ({ origin: { namespace, name } }: Policy) => (namespace === "" ? name : `${namespace}/${name}`);
  const found = policies.filter((policy) => nameOf(policy) === text || policy.origin.name === text);
  if (found.length > 0) return found;
  const meant = nearest(text, policies.map(nameOf));
  throw new UsageError(`there is no policy ${text}${meant === undefined ? "" : `; did you mean ${meant}?`}`);
}

function sameObject(a: Policy["origin"], b: Policy["origin"]): boolean {
  return a.kind === b.kind && a.namespace === b.namespace && a.name === b.name;
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
    `about ${about}: ${count(pods)}`,
    ...(isolates.length === 0 ? [] : [`where no NetworkPolicy allows it, denied: ${isolates.join(" and ")}`]),
    ...rules.flatMap(({ place: path, title, says, peers }) => [
      `${path}${title === undefined ? "" : ` "${title}"`} ${says}`,
      ...(peers === undefined ? [] : [`  now ${count(peers)}`]),
    ]),
    ...warnings,
    "",
  ].join("\n");
}

const few = 8;

function count(names: readonly string[]): string {
  if (names.length === 0) return "none";
  const more = names.length - few;
  return more <= 0 ? names.join(", ") : `${names.slice(0, few).join(", ")} and ${more} more`;
}
