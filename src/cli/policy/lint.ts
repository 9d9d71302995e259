// `twill policy lint` and `twill policy list`.

import type { CommandIo, OutputFormat } from "#cli/command.ts";
import { formatTable } from "#cli/table.ts";
import { lint } from "#model/policy/lint/lint.ts";
import { formatWarning } from "#model/policy/lint/warning.ts";
import { choosesPod } from "#model/policy/match.ts";
import { byPrecedence, formatOrigin, networkTier } from "#model/policy/rule.ts";
import { readSource, type SourceGiven } from "./source.ts";

type Call = { readonly flags: SourceGiven & { readonly output: OutputFormat } };

/** 0 when there is nothing to say, 1 when there are warnings. */
export async function runLint({ flags }: Call, io: CommandIo): Promise<number> {
  const { world, objects } = await readSource(flags, io);
  const warnings = lint(world, objects);
  if (flags.output === "json") {
    const rows = warnings.map(({ rule, origin, message }) => ({ rule, place: formatOrigin(origin), message }));
    io.stdout(`${JSON.stringify(rows, null, 2)}\n`);
  } else {
    for (const warning of warnings) io.stdout(`${formatWarning(warning)}\n`);
    const policies = world.policies.length === 1 ? "1 policy" : `${world.policies.length} policies`;
    io.stdout(`${policies}, ${warnings.length === 1 ? "1 warning" : `${warnings.length} warnings`}\n`);
  }
  return warnings.length === 0 ? 0 : 1;
}

/** Each policy with whom it is about. */
export async function runList({ flags }: Call, io: CommandIo): Promise<number> {
  const { world } = await readSource(flags, io);
  const rows = world.policies.toSorted(byPrecedence).map((policy) => ({
    policy: policy.origin.namespace === "" ? policy.origin.name : `${policy.origin.namespace}/${policy.origin.name}`,
    kind: policy.origin.kind,
    tier: policy.tier.name,
    order: policy.order,
    isolates: policy.isolates,
    rules: policy.rules.length,
    pods: world.pods
      .filter((pod) => choosesPod(policy.subject, pod) === undefined)
      .map((pod) => `${pod.namespace}/${pod.name}`),
  }));
  if (flags.output === "json") io.stdout(`${JSON.stringify(rows, null, 2)}\n`);
  else if (rows.length === 0) io.stdout("no policies\n");
  else {
    const header = ["POLICY", "TIER", "ISOLATES", "RULES", "PODS"];
    const lines = rows.map(({ policy, tier, order, isolates, rules, pods }) => [
      policy,
      tier === networkTier.name ? tier : `${tier} ${order}`,
      isolates.join(", "),
      String(rules),
      String(pods.length),
    ]);
    io.stdout(formatTable([header, ...lines]));
  }
  return 0;
}
