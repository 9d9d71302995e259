// `twill policy lint` and `twill policy list`.

import type { CommandIo, OutputFormat } from "#cli/command.ts";
import { formatTable } from "#cli/table.ts";
import { lint } from "#model/policy/lint/lint.ts";
import { formatWarning } from "#model/policy/lint/warning.ts";
import { choosesPod } from "#model/policy/match.ts";
import { byPrecedence, faultsOf, formatOrigin, inOneObject, networkTier, type Origin } from "#model/policy/rule.ts";
import { worldOf } from "#model/policy/world.ts";
import { checkNamespaces, isAbout, isSameObject, policyName } from "./find-policy.ts";
import { type FileCall, isSourceGiven, readFiles, readSource, type SourceGiven, withFiles } from "./source.ts";

type InNamespaces = { readonly namespace: readonly string[]; readonly output: OutputFormat };

/** 0 when there is nothing to say, 1 when there are warnings. */
export async function runLint({ flags }: { readonly flags: FileCall["flags"] & InNamespaces }, io: CommandIo) {
  const files = readFiles(flags.file);
  // Files by themselves are all that there is.
  const isAlone = flags.file.length > 0 && !isSourceGiven(flags, io);
  const objects = isAlone ? files : withFiles((await readSource(flags, io)).objects, files);
  const world = worldOf(objects);
  checkNamespaces(world, flags.namespace);
  const isJudged = (origin: Origin) => flags.file.length === 0 || files.some((object) => isSameObject(origin, object));
  const policies = world.policies.filter((each) => isJudged(each.origin) && isAbout(world, each, flags.namespace));
  const isMeant = (origin: Origin) =>
    flags.namespace.length === 0 ||
    flags.namespace.includes(origin.namespace) ||
    policies.some((policy) => inOneObject(policy.origin, origin));
  const warnings = lint(world, objects, (origin) => isJudged(origin) && isMeant(origin));
  if (flags.output === "json") {
    const rows = warnings.map(({ rule, origin, message }) => ({ rule, place: formatOrigin(origin), message }));
    io.stdout(`${JSON.stringify(rows, null, 2)}\n`);
  } else {
    for (const warning of warnings) io.stdout(`${formatWarning(warning)}\n`);
    const count = policies.length === 1 ? "1 policy" : `${policies.length} policies`;
    io.stdout(`${count}, ${warnings.length === 1 ? "1 warning" : `${warnings.length} warnings`}\n`);
  }
  return warnings.length === 0 ? 0 : 1;
}

/** Each policy with whom it is about. */
export async function runList({ flags }: { readonly flags: SourceGiven & InNamespaces }, io: CommandIo) {
  const { world } = await readSource(flags, io);
  checkNamespaces(world, flags.namespace);
  const policies = world.policies.filter((policy) => isAbout(world, policy, flags.namespace));
  const rows = policies.toSorted(byPrecedence).map((policy) => ({
    policy: policyName(policy.origin),
    kind: policy.origin.kind,
    tier: policy.tier.name,
    order: policy.order,
    isolates: policy.isolates,
    rules: policy.rules.length,
    pods: world.pods
      .filter((pod) => choosesPod(policy.subject, pod) === undefined)
      .map((pod) => `${pod.namespace}/${pod.name}`),
    faults: faultsOf(policy).map(({ origin, why }) => `${formatOrigin(origin)}: ${why}`),
  }));
  if (flags.output === "json") io.stdout(`${JSON.stringify(rows, null, 2)}\n`);
  else if (rows.length === 0) io.stdout("no policies\n");
  else {
    const header = ["POLICY", "TIER", "ISOLATES", "RULES", "PODS"];
    const lines = rows.map(({ policy, tier, order, isolates, rules, pods }) => [
      policy,
      tier === networkTier.name ? tier : `${tier} ${order}`,
      isolates.join(", ") || "-",
      String(rules),
      String(pods.length),
    ]);
    io.stdout(formatTable([header, ...lines]));
    const faults = rows.flatMap((row) => row.faults);
    if (faults.length > 0) io.stdout(`\n${faults.join("\n")}\n`);
  }
  return 0;
}
