// Whom a command asks: this node's agent, those whose sockets are named, or the agents of all nodes of a lab.

import { AgentApiError, askAgent } from "#api/client.ts";
import type { CommandIo, OutputFormat } from "#cli/command.ts";
import { formatTable } from "#cli/table.ts";
import { apiSocketFlag } from "./socket-flag.ts";

export type AgentsFlags = {
  readonly "api-socket": readonly string[];
  readonly lab: string | undefined;
  readonly output: OutputFormat;
};

/** `where`: the node in a lab, else the socket. */
type Asked = { readonly where: string; readonly ask: <T>(line: string) => Promise<T> };

export type Answer<T> = Asked & { readonly answer: T };

export type Answers<T> = {
  readonly answers: readonly Answer<T>[];
  /** One agent was asked, and is not one of a lab. */
  readonly isOne: boolean;
  /** 1: one of several did not answer, which has been told. */
  readonly exitCode: number;
};

/** Asks all agents that are meant. @throws AgentApiError when none answers @throws LabError when `--lab` is not up */
export async function askAgents<T>(
  flags: Omit<AgentsFlags, "output">,
  line: string,
  io: CommandIo,
): Promise<Answers<T>> {
  const { agents, isLab } = await findAgents(flags, io);
  const results = await Promise.all(agents.map((agent) => tryAsk<T>(agent, line)));
  const answers = results.flatMap((result) => (result instanceof AgentApiError ? [] : [result]));
  const problems = results.filter((result) => result instanceof AgentApiError);
  const [first] = problems;
  if (answers.length === 0 && first !== undefined) throw first;
  for (const { message } of problems) io.stderr(`${message}\n`);
  return { answers, isOne: agents.length === 1 && !isLab, exitCode: problems.length === 0 ? 0 : 1 };
}

/** The answer of the only agent; of several a list, each with its node. */
export function answersAsJson<T extends object>({ answers, isOne }: Pick<Answers<T>, "answers" | "isOne">): string {
  const [first] = answers;
  const message = isOne ? first?.answer : answers.map(({ where, answer }) => ({ node: where, ...answer }));
  return `${JSON.stringify(message, undefined, 2)}\n`;
}

/** A table with what each agent says; of several the first column tells whose row it is. */
export function formatAnswers<T>(
  { answers, isOne }: Pick<Answers<T>, "answers" | "isOne">,
  heading: readonly string[],
  rowsOf: (answer: T) => readonly (readonly string[])[],
): string {
  const rows = answers.flatMap(({ where, answer }) => rowsOf(answer).map((row) => (isOne ? row : [where, ...row])));
  return formatTable([isOne ? heading : ["NODE", ...heading], ...rows]);
}

async function tryAsk<T>(agent: Asked, line: string): Promise<Answer<T> | AgentApiError> {
  try {
    return { ...agent, answer: await agent.ask<T>(line) };
  } catch (problem) {
    if (problem instanceof AgentApiError) return problem;
    throw problem;
  }
}

async function findAgents(
  { "api-socket": sockets, lab }: Omit<AgentsFlags, "output">,
  io: CommandIo,
): Promise<{ readonly agents: readonly Asked[]; readonly isLab: boolean }> {
  const named = sockets.length > 0 ? sockets : lab === undefined ? ownSocket(io) : [];
  if (named.length > 0) return { agents: named.map(atSocket), isLab: false };
  const { agentsOfLab } = await import("./lab-agents.ts");
  const ofLab = agentsOfLab(lab, io);
  if (ofLab !== undefined) return { agents: ofLab, isLab: true };
  return { agents: [atSocket(apiSocketFlag["api-socket"].default)], isLab: false };
}

/** A variable that names it comes before those that mean a lab. */
function ownSocket({ env }: CommandIo): readonly string[] {
  const own = env.get(apiSocketFlag["api-socket"].env);
  return own === undefined || own === "" ? [] : [own];
}

function atSocket(socket: string): Asked {
  return { where: socket, ask: <T>(line: string) => askAgent<T>(socket, line) };
}
