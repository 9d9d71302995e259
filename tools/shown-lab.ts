// A lab with the small shop, as the demo and `make lab` show it.

import { existsSync } from "node:fs";
import type { PolicySummary } from "#cli/policy/status.ts";
import { type DrawnNode, drawLab } from "./lab-picture.ts";
import { maxWidth, narrowTable, type ShownCommand, type Transcript, wrapLines } from "./transcript.ts";

/** Relative to the project, so that what is shown can be typed. */
const twill = "dist/twill";

/** By examples/policies/three-tier.yaml: each of five pods by the policy of all, and by one of its own. */
const policedTimes = 10;

/** A lab with the shop in it. */
export type ShownLab = {
  readonly name: string;
  /** For kubectl and all that asks the API server. */
  readonly env: { readonly KUBECONFIG: string };
  /** One of the frontend's pods. */
  readonly frontend: string;
};

/** @throws Error that names what is missing */
export function requirePrograms(): void {
  if (!existsSync(new URL(`../${twill}`, import.meta.url)))
    throw new Error(`Cannot find ${twill}: run make build first`);
  if (Bun.which("kubectl") === null) throw new Error("Cannot find kubectl: run make setup, or install it");
}

/** `twill lab WORDS` */
export function lab(...words: readonly string[]): readonly string[] {
  return [twill, "lab", ...words];
}

/** All labs of this machine. */
export async function labNames(show: Transcript): Promise<readonly string[]> {
  const labs: readonly { readonly name: string }[] = JSON.parse(await show.ask(lab("status", "-o", "json")));
  return labs.map(({ name }) => name);
}

/** Brings the lab up with the shop in it, and draws it. */
export async function showShop(show: Transcript, name: string): Promise<ShownLab> {
  await show.run({ what: "three nodes are Ready", command: lab("up", name) });
  const { kubeconfig }: { readonly kubeconfig: string } = JSON.parse(await show.ask(lab("status", name, "-o", "json")));
  const env = { KUBECONFIG: kubeconfig };
  const load = lab("load", "--lab", name, "--wait", "examples/shop");
  await show.run({ what: "the shop's five pods are Ready", command: load });
  console.log(`${drawLab(await drawnNodes(show, env))}\n`);
  const pods = ["kubectl", "get", "pods", "-n", "shop"];
  await show.run({ what: "kubectl lists the pods", command: [...pods, "-o", "wide"], told: narrowTable, env });
  const first = [...pods, "-l", "app.kubernetes.io/name=frontend", "-o", "jsonpath={.items[0].metadata.name}"];
  return { name, env, frontend: await show.ask(first, env) };
}

/** What is seen of networks in such a lab: who reaches whom how fast, and what network policies make of that. */
export function networkSteps({ name, env, frontend }: ShownLab): readonly ShownCommand[] {
  const probe = lab("probe", "--lab", name, "-n", "shop");
  const exec = ["kubectl", "exec", "-n", "shop", "deploy/frontend", "--", "curl", "-s"];
  const told = (text: string) => wrapLines(text, maxWidth);
  const outside = lab("shell", "--lab", name, "client", "--", "curl", "-s", "http://172.30.0.11:30080/");
  const policies = "examples/policies/three-tier.yaml";
  return [
    { what: "everybody calls everybody", command: probe },
    { what: "on one node and between two: how fast", command: lab("measure", "--lab", name, "-n", "shop") },
    { what: "a pod calls a service", command: [...exec, "http://backend/prices"], told, env },
    { what: "somebody outside calls the shop", command: outside, told },
    { what: "a pod calls the internet", command: [...exec, "http://www.example.com/"], env },
    {
      what: "policies close the shop, tier by tier",
      command: ["kubectl", "apply", "-f", policies],
      ...{ env, isDone: (show: Transcript) => arePoliciesInForce(show, name) },
    },
    { what: "who still reaches whom", command: [...probe, "--timeout", "500ms"] },
    {
      what: "why the database is closed to the frontend",
      command: [twill, "explain", "-n", "shop", frontend, "database-0:5432"],
      ...{ told, env, exits: 1 },
    },
  ];
}

/** On all nodes: those that have not heard of a policy do not tell of it. */
async function arePoliciesInForce(show: Transcript, name: string): Promise<boolean> {
  // It fails while they are not.
  const status = `${twill} policy status --lab ${name} -o json || true`;
  const { policies }: { readonly policies: readonly PolicySummary[] } = JSON.parse(
    await show.ask(["sh", "-c", status]),
  );
  return policies.reduce((sum, { inForce }) => sum + inForce, 0) === policedTimes;
}

type NodeList = {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: { readonly addresses: readonly { readonly type: string; readonly address: string }[] };
  }[];
};

type PodList = {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
    readonly spec: { readonly nodeName?: string };
    readonly status: { readonly podIP?: string };
  }[];
};

async function drawnNodes(show: Transcript, env: Readonly<Record<string, string>>): Promise<readonly DrawnNode[]> {
  const asked = async (...words: readonly string[]) =>
    JSON.parse(await show.ask(["kubectl", ...words, "-o", "json"], env));
  const nodes: NodeList = await asked("get", "nodes");
  const pods: PodList = await asked("get", "pods", "-n", "shop");
  return nodes.items.map(({ metadata: { name }, status }) => ({
    name,
    address: status.addresses.find(({ type }) => type === "InternalIP")?.address ?? "",
    pods: pods.items
      .filter(({ spec }) => spec.nodeName === name)
      .map(({ metadata: { name, labels }, status }) => ({
        // What a ReplicaSet's pods have in common tells nothing here.
        name: name.replace(`-${labels?.["pod-template-hash"]}-`, "-"),
        address: status.podIP ?? "",
      })),
  }));
}
