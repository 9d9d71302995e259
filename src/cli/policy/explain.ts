// `twill explain`: why a connection is allowed or not, without sending a packet.

import type { CommandIo, OutputFormat } from "#cli/command.ts";
import type { Verdict } from "#model/policy/evaluate.ts";
import { formatTraffic } from "#model/policy/explain.ts";
import { decisionOf } from "#model/policy/judge.ts";
import { formatParty } from "#model/policy/party.ts";
import { formatOrigin } from "#model/policy/rule.ts";
import { formatDestination } from "./destinations.ts";
import { formatFew } from "./few.ts";
import { type Answer, askWorld, explainAnswer, remarksOf } from "./question.ts";
import type { Route } from "./routes.ts";
import { readSource, type SourceGiven } from "./source.ts";

type ExplainCall = {
  readonly args: { readonly from: string; readonly to: string };
  readonly flags: SourceGiven & { readonly namespace: string | undefined; readonly output: OutputFormat };
};

/** 0 when everything asked for is allowed, 1 when something is denied. */
export async function runExplain({ args, flags }: ExplainCall, io: CommandIo): Promise<number> {
  const { world } = await readSource(flags, io);
  const answers = askWorld(world, args.from, args.to, flags.namespace);
  if (flags.output === "json")
    io.stdout(
      `${JSON.stringify(
        answers.flatMap((answer): readonly object[] => toRows(answer)),
        null,
        2,
      )}\n`,
    );
  else io.stdout(explainAll(answers));
  return answers.every(({ allowed }) => allowed) ? 0 : 1;
}

/** Answers that the same rules decide are explained once. */
export function explainAll(answers: readonly Answer[]): string {
  const routes = [...Map.groupBy(answers, ({ route }) => route?.title ?? "").values()];
  return routes.map((own) => `${headOf(own)}${explainGroups(own)}`).join("\n");
}

function explainGroups(answers: readonly Answer[]): string {
  const groups = [...Map.groupBy(answers, groupOf).values()];
  return groups
    .map((group) => {
      const [first, ...others] = group;
      if (first === undefined) return "";
      const same = others.map(formatEnds);
      const shown = same.length === 0 ? "" : `\nthe same for ${formatFew(same, few)}\n`;
      return `${explainAnswer(first)}${shown}`;
    })
    .join("\n");
}

function groupOf({ route, destination, judgements, allowed }: Answer): string {
  const traffic = destination === undefined ? "" : formatTraffic(destination.traffic);
  const verdicts = judgements.map(({ family, verdict }) => [family, decisionOf(verdict)]);
  const admitted = route?.admission?.allowed;
  return JSON.stringify([
    allowed,
    traffic,
    verdicts,
    admitted,
    destination?.asked?.party.name,
    destination?.sees?.name,
  ]);
}

function formatEnds({ from, destination }: Answer): string {
  const source = formatParty(from.party);
  return destination === undefined ? source : `${source} → ${formatParty(destination.party)}`;
}

/** What a service makes of the connection, before what policies make of that; "" without a service. */
function headOf(answers: readonly Answer[]): string {
  const [first] = answers;
  if (first?.route === undefined) return "";
  const { title, service, front, passedOver } = first.route;
  const backends = [
    ...new Set(
      answers.flatMap(({ destination }) => (destination === undefined ? [] : [formatDestination(destination)])),
    ),
  ];
  const allowed = answers.filter((each) => each.allowed).length;
  const word =
    allowed === answers.length
      ? ""
      : allowed === 0
        ? ", all denied"
        : `, ${answers.length - allowed} of ${answers.length} denied`;
  const lines = [`through ${title}${word}`];
  const { headless = false, sticky = false } = service ?? {};
  if (backends.length > 0 && service?.otherProxy === undefined)
    lines.push(`  ${front ?? "its name"} ${choiceOf(headless, sticky, backends)}`);
  for (const { pod, why } of passedOver) lines.push(`  ${pod} ${why}`);
  return `${lines.join("\n")}\n\n`;
}

function choiceOf(headless: boolean, sticky: boolean, backends: readonly string[]): string {
  if (headless) return `means the pods themselves: ${formatFew(backends, few)}`;
  if (backends.length === 1) return `becomes ${backends.join()}`;
  const kept = sticky ? ", which a client then keeps" : "";
  return `becomes any of ${backends.length}, each as likely${kept}: ${formatFew(backends, few)}`;
}

const few = 6;

/** A row for each address family that has a verdict of its own. */
function toRows(answer: Answer) {
  const { from, route, destination, judgements, allowed } = answer;
  const remarks = remarksOf(answer);
  const common = {
    from: formatParty(from.party),
    ...(destination === undefined
      ? {}
      : { to: formatParty(destination.party), traffic: formatTraffic(destination.traffic) }),
    ...(route === undefined ? {} : { through: routeOf(route) }),
    ...(remarks.length === 0 ? {} : { remarks }),
  };
  if (judgements.length === 0) return [{ ...common, allowed, reason: reasonOf(answer) }];
  return judgements.map(({ family, verdict }) => ({
    ...common,
    ...(family === undefined ? {} : { family }),
    allowed: verdict.allowed,
    ...(verdict.exempt === undefined ? {} : { exempt: verdict.exempt }),
    egress: endOf(verdict.egress),
    ingress: endOf(verdict.ingress),
  }));
}

/** Why no policy was asked. */
function reasonOf({ route, destination }: Answer): string {
  if (route?.admission?.allowed === false) return "not admitted";
  return destination === undefined ? "no backend" : "no common address family";
}

function routeOf({ service, port, front, admission, passedOver }: Route) {
  const named = service === undefined ? {} : { service: `${service.namespace}/${service.name}` };
  return {
    ...{ ...named, port },
    ...(front === undefined ? {} : { front }),
    ...(admission === undefined ? {} : { admission }),
    passedOver,
  };
}

function endOf(end: Verdict | undefined) {
  if (end === undefined) return undefined;
  const { allowed, decidedBy, isolatedBy, considered } = end;
  return {
    allowed,
    ...(decidedBy === undefined ? {} : { by: formatOrigin(decidedBy.rule.origin), tier: decidedBy.policy.tier.name }),
    isolatedBy: isolatedBy.map(({ origin }) => formatOrigin(origin)),
    rules: considered.map(({ policy, rule, mismatches }) => ({
      rule: formatOrigin(rule.origin),
      ...(rule.title === "" ? {} : { title: rule.title }),
      tier: policy.tier.name,
      action: rule.action,
      matches: mismatches.length === 0,
      mismatches: mismatches.map((mismatch) => mismatch.replace(/^[.:]\s*/, "")),
    })),
  };
}
