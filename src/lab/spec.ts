// What is wanted of a lab: the content of its lab.json, read and checked in one place.

import type { FabricMode } from "#agent/fabric/want.ts";
import { messageOf } from "#base/error-message.ts";
import type { Family } from "#net/ip.ts";

export type LabFamily = Family | "dual";
export type Underlay = "l2" | "l3";
/**
 * What serves the addresses of services on each node: its agent, the lab's own proxy, or nothing, for networks that do it themselves.
 * With nothing the lab's proxy still serves those that are left to it by name: cluster DNS.
 */
const serviceKinds = ["agent", "proxy", "none"] as const;
/** In the label service.kubernetes.io/service-proxy-name. */
export const labProxyName = "twill-lab";
export type ServiceKind = (typeof serviceKinds)[number];

/** How the nodes' agents carry packets from one node to another. */
const fabricModes = ["auto", "vxlan", "direct"] as const;

export type NodeSpec = {
  readonly name: string;
  /** From 1; addresses, hardware addresses and names of ports follow from it, so a node that comes back is the same. */
  readonly number: number;
  /** False after `node stop` and `node crash`. */
  readonly running: boolean;
  /** The executable that is its agent since an upgrade; absent: the one that all of the lab is. */
  readonly agent?: string;
};

/** What was done to the wire between two stations; both ways alike. */
export type WireSpec = {
  /** Names of nodes, or `control`; sorted. */
  readonly between: readonly [string, string];
  readonly cut: boolean;
  /** For each way: a round trip takes twice as long. */
  readonly delayMs: number;
  readonly lossPercent: number;
};

export type LabSpec = {
  readonly name: string;
  readonly family: LabFamily;
  readonly underlay: Underlay;
  readonly services: ServiceKind;
  /** Where the API server listens on the host's loopback. */
  readonly port: number;
  /** The conflist of every node, as JSON; absent: what the agents write, or the lab's own without agents. */
  readonly cni: string | undefined;
  /** Twill's agent runs on every node and its operator beside the control plane; absent: the standard plugins do, and the switch knows the ways to pods. */
  readonly agents: { readonly fabric: FabricMode } | undefined;
  readonly nodes: readonly NodeSpec[];
  readonly wires: readonly WireSpec[];
};

/** Their last byte fits one address each of the underlay, from .11 on. */
export const maxNodes = 200;

/** A lab, node or file that is not as it must be; the message is the whole sentence. */
export class LabError extends Error {
  readonly code = "LAB";
}

/** Names of a lab's other namespaces: no node may be called so. */
export const reservedNames: readonly string[] = ["control", "switch", "internet", "client"];

// RFC 1123 labels, as Kubernetes wants them for a Node; a lab's name is also a folder and a control group.
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const maxLabel = 63;

export function isLabName(name: string): boolean {
  return label.test(name) && name.length <= maxLabel;
}

/** @throws LabError */
export function checkLabName(name: string): string {
  if (isLabName(name)) return name;
  throw new LabError(
    `Cannot use "${name}" as the name of a lab: lower-case letters, digits and "-", at most ${maxLabel}, like "twill"`,
  );
}

/** @throws LabError */
export function checkNodeName(name: string): string {
  if (reservedNames.includes(name)) {
    throw new LabError(`Cannot call a node "${name}": the lab has a part of that name, choose another`);
  }
  if (label.test(name) && name.length <= maxLabel) return name;
  throw new LabError(
    `Cannot call a node "${name}": lower-case letters, digits and "-", at most ${maxLabel}, like "node4"`,
  );
}

export function familiesOf(family: LabFamily): readonly Family[] {
  return family === "dual" ? ["ipv4", "ipv6"] : [family];
}

/** The lowest number that no node has. */
export function freeNumber(nodes: readonly NodeSpec[]): number {
  const taken = new Set(nodes.map(({ number }) => number));
  let number = 1;
  while (taken.has(number)) number++;
  return number;
}

/** `count` more nodes, named by their numbers. @throws LabError when there would be too many */
export function withMoreNodes(nodes: readonly NodeSpec[], count: number): readonly NodeSpec[] {
  const all = [...nodes];
  for (let i = 0; i < count; i++) {
    if (all.length >= maxNodes) throw new LabError(`Cannot make more than ${maxNodes} nodes in one lab`);
    const number = freeNumber(all);
    all.push({ name: `node${number}`, number, running: true });
  }
  return all;
}

/** @throws LabError when there is no such node, naming those that are. */
export function nodeOf(spec: LabSpec, name: string): NodeSpec {
  const node = spec.nodes.find((each) => each.name === name);
  if (node !== undefined) return node;
  const names = spec.nodes.map((each) => each.name).join(", ");
  throw new LabError(`Cannot find node "${name}" in lab "${spec.name}": its nodes are ${names || "none"}`);
}

export function formatSpec(spec: LabSpec): string {
  return `${JSON.stringify({ version, ...spec }, undefined, 2)}\n`;
}

const version = 1;

/** Reads lab.json; `path` is for messages. @throws LabError */
export function parseSpec(text: string, path: string): LabSpec {
  try {
    return readSpec(JSON.parse(text));
  } catch (cause) {
    const problem = messageOf(cause);
    throw new LabError(`Cannot read ${path}: ${problem}; remove the lab with "twill lab down"`, { cause });
  }
}

type Fields = { readonly [name: string]: unknown };

function readSpec(value: unknown): LabSpec {
  const fields = object(value, "it");
  if (fields["version"] !== version) throw new TypeError(`its version is ${String(fields["version"])}, not ${version}`);
  return {
    name: checkLabName(string(fields, "name")),
    family: oneOf(fields, "family", ["ipv4", "ipv6", "dual"]),
    underlay: oneOf(fields, "underlay", ["l2", "l3"]),
    // Labs of before had the proxy.
    services: fields["services"] === undefined ? "proxy" : oneOf(fields, "services", serviceKinds),
    port: number(fields, "port"),
    cni: fields["cni"] === undefined ? undefined : string(fields, "cni"),
    agents:
      fields["agents"] === undefined
        ? undefined
        : { fabric: oneOf(object(fields["agents"], '"agents"'), "fabric", fabricModes) },
    nodes: array(fields, "nodes").map((each) => {
      const node = object(each, "a node");
      const upgraded = node["agent"] === undefined ? {} : { agent: string(node, "agent") };
      return {
        ...{ name: string(node, "name"), number: number(node, "number"), running: node["running"] === true },
        ...upgraded,
      };
    }),
    wires: array(fields, "wires").map((each) => {
      const wire = object(each, "a wire");
      const [a, b] = array(wire, "between").map(String);
      if (a === undefined || b === undefined) throw new TypeError('"between" has two names');
      return {
        between: [a, b],
        cut: wire["cut"] === true,
        delayMs: number(wire, "delayMs"),
        lossPercent: number(wire, "lossPercent"),
      };
    }),
  };
}

function object(value: unknown, what: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw new TypeError(`${what} is no object`);
}

function array(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name];
  if (Array.isArray(value)) return value;
  throw new TypeError(`"${name}" is no list`);
}

function string(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === "string") return value;
  throw new TypeError(`"${name}" is no string`);
}

function number(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new TypeError(`"${name}" is no number`);
}

function oneOf<const T extends string>(fields: Fields, name: string, words: readonly T[]): T {
  const value = fields[name];
  const word = words.find((each) => each === value);
  if (word !== undefined) return word;
  throw new TypeError(`"${name}" is none of ${words.join(", ")}`);
}
