// Runs a probe: for each source one process in its namespaces, which makes all of its connections at once.

import { LabError } from "#lab/spec.ts";
import { type Attempt, formatAttempt, type Outcome, parseOutcome } from "./attempt.ts";
import { forgetNeighbours } from "./neighbours.ts";

/**
 * What one source shall try, from beside which process, as one of its control group; `node` for pods: those of one node find each other
 * by neighbour entries.
 */
export type Round = {
  readonly pid: number;
  readonly cgroup: string;
  readonly node?: string;
  readonly attempts: readonly Attempt[];
};

export type RunOptions = {
  /** Path of twill-pod. */
  readonly tool: string;
  /** For each connection, several attempts included. */
  readonly timeoutMs: number;
  /** Told of how many connections have ended. */
  readonly progress: (done: number) => void;
  /** Processes of all pods of each node. */
  readonly podsOf: ReadonlyMap<string, readonly number[]>;
  /** How many neighbours the machine keeps, of all network namespaces together. */
  readonly maxNeighbours: number;
};

/** Sources at once. */
const maxRounds = 24;

/** @throws LabError with the tool's sentence */
export async function runProbe(rounds: readonly Round[], options: RunOptions): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { rounds: some, forget } of wavesOf(rounds, options)) {
    const waiting = some.values();
    const worker = async () => {
      for (const round of waiting) {
        outcomes.push(...(await runRound(round, options)));
        options.progress(outcomes.length);
      }
    };
    await Promise.all(Array.from({ length: maxRounds }, worker));
    for (const pid of forget) forgetNeighbours(pid);
  }
  return outcomes;
}

type Wave = { readonly rounds: readonly Round[]; readonly forget: readonly number[] };

/**
 * Everything at once where the machine's table of neighbours has room for all pairs of pods. Else node by node and in waves that fit,
 * with the entries removed in between: the kernel keeps what it has for five seconds, and refuses new ones meanwhile.
 */
export function wavesOf(
  rounds: readonly Round[],
  { podsOf, maxNeighbours }: Pick<RunOptions, "podsOf" | "maxNeighbours">,
): readonly Wave[] {
  const room = maxNeighbours / 2;
  const pairs = [...podsOf.values()].reduce((sum, pids) => sum + pids.length * pids.length, 0);
  if (pairs <= room) return [{ rounds, forget: [] }];
  const others = rounds.filter(({ node }) => node === undefined || !podsOf.has(node));
  return [
    { rounds: others, forget: [] },
    ...[...podsOf].flatMap(([node, pids]) => {
      const own = rounds.filter((round) => round.node === node);
      // Each connection is an entry on either side.
      const size = Math.max(1, Math.floor(room / (2 * pids.length)));
      return Array.from({ length: Math.ceil(own.length / size) }, (_, i) => {
        return { rounds: own.slice(i * size, (i + 1) * size), forget: pids };
      });
    }),
  ];
}

async function runRound(
  { pid, cgroup, attempts }: Round,
  { tool, timeoutMs }: RunOptions,
): Promise<readonly Outcome[]> {
  if (attempts.length === 0) return [];
  const words = ["--pid", String(pid), "--cgroup", cgroup, "--timeout", String(timeoutMs)];
  const child = Bun.spawn([tool, "probe", ...words], {
    stdin: new Blob([attempts.map(formatAttempt).join("")]),
    stdout: "pipe",
    stderr: "pipe",
    env: {},
  });
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (exitCode !== 0) {
    const what = stderr.trim() || `twill-pod ended with ${exitCode}`;
    throw new LabError(`Cannot probe from ${attempts[0]?.from.name}: ${what}`);
  }
  return stdout
    .split("\n")
    .map((line) => parseOutcome(line, attempts))
    .filter((outcome) => outcome !== undefined);
}
