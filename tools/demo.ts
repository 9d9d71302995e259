// Shows a cluster of three nodes on this machine with a small shop in it, and removes it again: make demo

import { messageOf } from "#base/error-message.ts";
import { isLiving } from "#lab/cgroup.ts";
import { lab, labNames, networkSteps, requirePrograms, showShop } from "./shown-lab.ts";
import { formatSeconds, formatSteps, paintFor, Transcript } from "./transcript.ts";

const startedAt = performance.now();
const paint = paintFor(process.stdout, process.env);
const interrupted = new AbortController();
const show = new Transcript(paint, interrupted.signal);
/** What is done in any case, also when the rest was interrupted. */
const afterwards = new Transcript(paint, new AbortController().signal);
/** So that two may run at once, and one that was killed is known by its name. */
const name = `demo-${process.pid}`;

for (const [signal, number] of [
  ["SIGINT", 2],
  ["SIGTERM", 15],
  ["SIGHUP", 1],
] as const) {
  process.on(signal, () => {
    process.exitCode = 128 + number;
    interrupted.abort(new Error("interrupted"));
  });
}

try {
  requirePrograms();
  for (const killed of (await labNames(show)).filter(isOfKilledDemo)) await show.ask(lab("down", killed));
  console.log("A Kubernetes cluster on this machine: its nodes are namespaces, kubectl is the real one.\n");
  for (const step of networkSteps(await showShop(show, name))) await show.run(step);
} catch (error) {
  console.error(`\nThe demo ended early: ${messageOf(error)}\n`);
  process.exitCode ??= 1;
} finally {
  const down = { what: "all of it is gone", command: lab("down", name) };
  if ((await labNames(afterwards)).includes(name)) await afterwards.run(down);
}
if (process.exitCode === undefined) {
  console.log(`${paint.bold("Time of each step")}\n${formatSteps([...show.steps, ...afterwards.steps])}\n`);
  console.log(
    `All took ${formatSeconds(performance.now() - startedAt)}. make lab leaves one running, to try things in.`,
  );
}
process.exit();

function isOfKilledDemo(other: string): boolean {
  const pid = /^demo-(\d+)$/.exec(other)?.[1];
  return pid !== undefined && !isLiving(Number(pid));
}
