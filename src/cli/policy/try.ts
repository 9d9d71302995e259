// `twill policy try`: what applying files, or removing policies, would change, and which connections it would cut.

import { existsSync } from "node:fs";
import type { ConnectionsMessage } from "#api/messages.ts";
import { type Answers, askAgents } from "#cli/agent/ask-agents.ts";
import { agentsOfLab } from "#cli/agent/lab-agents.ts";
import { apiSocketFlag } from "#cli/agent/socket-flag.ts";
import { type CommandIo, UsageError } from "#cli/command.ts";
import { formatTable } from "#cli/table.ts";
import { changesBetween } from "#model/policy/difference.ts";
import { isChosen } from "#model/policy/match.ts";
import type { Cell } from "#model/policy/matrix.ts";
import { faultsOf, formatOrigin } from "#model/policy/rule.ts";
import { worldOf } from "#model/policy/world.ts";
import { cutsOf, formatCuts } from "./cuts.ts";
import { findPolicies, isSameObject } from "./find-policy.ts";
import { progressOn } from "./progress.ts";
import { type FileCall, readFiles, readSource, withFiles } from "./source.ts";

type TryCall = {
  readonly flags: FileCall["flags"] & {
    readonly without: readonly string[];
    readonly namespace: string | undefined;
    readonly "api-socket": readonly string[];
    readonly lab: string | undefined;
    readonly last: number;
  };
};

/** 0 when nothing would change, 1 when something would. */
export async function runTry({ flags }: TryCall, io: CommandIo): Promise<number> {
  if (flags.file.length + flags.without.length === 0)
    throw new UsageError("what is to be tried? -f FILE names what would be applied, --without POLICY what would go");
  const { objects, world: before } = await readSource(flags, io);
  const gone = flags.without.flatMap((name) => findPolicies(before.policies, name, flags.namespace));
  const left = objects.filter((object) => !gone.some(({ origin }) => isSameObject(origin, object)));
  const files = readFiles(flags.file);
  const wanted = withFiles(left, files);
  const after = { objects: wanted, world: worldOf(wanted) };
  const tried = after.world.policies.filter(({ origin }) => files.some((object) => isSameObject(origin, object)));
  const faults = tried.flatMap(faultsOf).map(({ origin, why }) => `${formatOrigin(origin)}: ${why}`);
  const idle = tried.filter(({ subject }) => !after.world.pods.some((pod) => isChosen(subject, pod)));
  const changes = changesBetween(before, after.world, progressOn(io.stderr, "sources compared"));
  const seen = await askConnections(flags, io);
  const cuts =
    seen === undefined
      ? undefined
      : cutsOf(
          before,
          after,
          seen.answers.map(({ answer }) => answer),
        );
  if (flags.output === "json")
    io.stdout(`${JSON.stringify({ changes, ...(cuts === undefined ? {} : { cuts }), faults }, null, 2)}\n`);
  else {
    const where = seen?.isOne === false ? `on ${seen.answers.length} nodes` : "on this node";
    const remarks = [...faults, ...idle.map(({ origin }) => `${formatOrigin(origin)}: it selects no pod`)];
    const wrong = remarks.length === 0 ? "" : `\n${remarks.join("\n")}\n`;
    io.stdout(
      `${formatChanges(changes)}${wrong}${cuts === undefined ? "" : `\n${formatCuts(cuts, flags.last, where)}`}`,
    );
  }
  return changes.length === 0 && (cuts ?? []).length === 0 ? 0 : 1;
}

/** Undefined where no agent is meant: manifests are of no node. @throws AgentApiError @throws UsageError */
async function askConnections(
  flags: TryCall["flags"],
  io: CommandIo,
): Promise<Answers<ConnectionsMessage> | undefined> {
  const { manifests, kubeconfig, last } = flags;
  const { env, default: usual } = apiSocketFlag["api-socket"];
  const isNamed = flags["api-socket"].length > 0 || flags.lab !== undefined || (io.env.get(env) ?? "") !== "";
  // Of a lab, also where a flag names its configuration.
  const asked = kubeconfig === undefined ? io : { ...io, env: new Map([...io.env, ["KUBECONFIG", kubeconfig]]) };
  if (!isNamed && manifests.length > 0) return undefined;
  if (!isNamed && agentsOfLab(undefined, asked) === undefined && !existsSync(usual)) return undefined;
  const seen = await askAgents<ConnectionsMessage>(flags, `GET /v1/connections?seconds=${last}`, asked);
  if (seen.answers.every(({ answer }) => answer.connections === null))
    throw new UsageError("no agent has programs in the packet path, so connections were not seen");
  return seen;
}

function formatChanges(changes: readonly Cell[]): string {
  if (changes.length === 0) return "nothing would change\n";
  return formatTable(
    changes.map(({ allowed, from, to, traffic }) => [allowed ? "gains" : "loses", from, "→", `${to}:${traffic}`]),
  );
}
