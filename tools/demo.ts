// Shows a cluster of three nodes on this machine with a small shop in it, and removes it again: make demo

import { isLiving } from "#lab/cgroup.ts";
import { lab, labNames, requirePrograms, type ShownLab, showShop } from "./shown-lab.ts";
import { formatSeconds, formatSteps, maxWidth, paintFor, Transcript, wrapAtCommas } from "./transcript.ts";

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
  await showWays(await showShop(show, name));
} catch (error) {
  console.error(`\nThe demo ended early: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode ??= 1;
} finally {
  if ((await labNames(afterwards)).includes(name)) await afterwards.run("all of it is gone", lab("down", name));
}
if (process.exitCode === undefined) {
  console.log(`${paint.bold("Time of each step")}\n${formatSteps([...show.steps, ...afterwards.steps])}\n`);
  console.log(
    `All took ${formatSeconds(performance.now() - startedAt)}. make lab leaves one running, to try things in.`,
  );
}
process.exit();

/** Who reaches whom, and what single calls and commands say. */
async function showWays({ kubeconfig }: ShownLab): Promise<void> {
  const env = { KUBECONFIG: kubeconfig };
  const inFrontend = ["kubectl", "exec", "-n", "shop", "deploy/frontend", "--"];
  await show.run("everybody calls everybody", lab("probe", "--lab", name, "-n", "shop"));
  const wrapped = (text: string) => wrapAtCommas(text, maxWidth);
  await show.tell("a pod calls a service", [...inFrontend, "curl", "-s", "http://backend/prices"], wrapped, env);
  const outside = lab("shell", "--lab", name, "client", "--", "curl", "-s", "http://172.30.0.11:30080/");
  await show.tell("somebody outside calls the shop", outside, wrapped);
  await show.run("a pod calls the internet", [...inFrontend, "curl", "-s", "http://www.example.com/"], env);
  await show.run("logs of a pod", ["kubectl", "logs", "-n", "shop", "database-0"], env);
  await show.run("a wire is cut", lab("wire", "cut", "--lab", name, "node1", "node2"));
  const afterCut = ["--from", "pods", "--to", "pods", "--each", "--tcp", "--timeout", "300ms"];
  await show.run("who still reaches whom", lab("probe", "--lab", name, ...afterCut));
}

function isOfKilledDemo(other: string): boolean {
  const pid = /^demo-(\d+)$/.exec(other)?.[1];
  return pid !== undefined && !isLiving(Number(pid));
}
