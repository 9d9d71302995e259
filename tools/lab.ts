// Starts a lab with the small shop in it, leaves it running, and says what to try: make lab

import { messageOf } from "#base/error-message.ts";
import { lab, requirePrograms, showShop } from "./shown-lab.ts";
import { paintFor, Transcript } from "./transcript.ts";

/** The one that commands mean when they name none. */
const name = "twill";
const paint = paintFor(process.stdout, process.env);

try {
  requirePrograms();
  const { env } = await showShop(new Transcript(paint, new AbortController().signal), name);
  console.log(`${paint.bold("The lab stays. What to try")}\n\n  export KUBECONFIG=${env.KUBECONFIG}\n\n${whatToTry()}`);
} catch (error) {
  console.error(`Cannot start the lab: ${messageOf(error)}`);
  process.exitCode = 1;
}

function whatToTry(): string {
  const tries: readonly (readonly [command: string, what: string])[] = [
    ["kubectl get pods -n shop -o wide -w", "pods as they come and go"],
    ["kubectl scale -n shop deploy/backend --replicas 5", "more of them"],
    [lab("load", "FILE").join(" "), "your own manifests, whatever their images"],
    [lab("shell", "shop/database-0").join(" "), "in a pod; or node1, switch, client, internet"],
    [lab("probe").join(" "), "who reaches whom"],
    [lab("measure", "-n", "shop").join(" "), "how fast"],
    ["kubectl apply -f examples/policies/three-tier.yaml", "network policies; then lab probe again"],
    ["dist/twill explain -n shop frontend database:5432", "which rule says what, without a packet"],
    [lab("wire", "cut", "node1", "node2").join(" "), "a cable is pulled; wire heal mends it"],
    [lab("wire", "delay", "node1", "node3", "40ms").join(" "), "a node that is far away"],
    [lab("node", "crash", "node3").join(" "), "a machine dies; node start brings it back"],
    [lab("agent", "kill", "node1").join(" "), "pods keep their network; agent restart brings it back"],
    [lab("shell", "node1", "--", "twill", "status").join(" "), "blocks, peers, endpoints, problems of a node"],
    [lab("status").join(" "), "processes, memory, addresses"],
    [lab("down").join(" "), "all of it is gone"],
  ];
  const width = Math.max(...tries.map(([command]) => command.length));
  return tries.map(([command, what]) => `  ${command.padEnd(width)}  ${what}`).join("\n");
}
