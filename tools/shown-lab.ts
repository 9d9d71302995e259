// A lab with the small shop, as the demo and `make lab` show it.

import { existsSync } from "node:fs";
import { type DrawnNode, drawLab } from "./lab-picture.ts";
import { narrowTable, type Transcript } from "./transcript.ts";

/** Relative to the project, so that what is shown can be typed. */
const twill = "dist/twill";

/** What kubectl needs to find the lab. */
export type ShownLab = { readonly name: string; readonly kubeconfig: string };

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
  await show.run("three nodes are Ready", lab("up", name));
  const { kubeconfig }: { readonly kubeconfig: string } = JSON.parse(await show.ask(lab("status", name, "-o", "json")));
  await show.run("the shop's five pods are Ready", lab("load", "--lab", name, "--wait", "examples/shop"));
  const nodes = await drawnNodes(show, { KUBECONFIG: kubeconfig });
  console.log(`${drawLab(nodes)}\n`);
  await show.tell("kubectl lists the pods", ["kubectl", "get", "pods", "-n", "shop", "-o", "wide"], narrowTable, {
    KUBECONFIG: kubeconfig,
  });
  return { name, kubeconfig };
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
