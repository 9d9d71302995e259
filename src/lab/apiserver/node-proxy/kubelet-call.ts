// Which request of a kubelet answers a request about a pod's log, terminal or ports.

import { badRequest } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import { type Fields, isFields } from "#lab/apiserver/schema/json.ts";

/** A request to the kubelet at `host`:`port`. */
export type KubeletCall = { readonly host: string; readonly port: number; readonly path: string };

export type PodStream = "log" | "exec" | "attach" | "portforward";

export const podStreams: readonly PodStream[] = ["log", "exec", "attach", "portforward"];

const defaultPort = 10_250;

/** What the API calls a parameter, and what the kubelet does. */
const terminalParameters: Readonly<Record<string, string>> = {
  stdin: "input",
  stdout: "output",
  stderr: "error",
  tty: "tty",
};
const logParameters = [
  ...["follow", "previous", "sinceSeconds", "sinceTime", "timestamps", "tailLines", "limitBytes", "stream"],
] as const;

/** Throws BadRequest when the pod has no node yet, or a container has to be named. */
export function kubeletCall(
  pod: KubeObject,
  node: KubeObject | undefined,
  stream: PodStream,
  query: URLSearchParams,
): KubeletCall {
  const { name = "", namespace = "" } = pod.metadata;
  if (node === undefined) throw badRequest(`pod ${name} does not have a host assigned`);
  const place = `${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
  const container = () => encodeURIComponent(containerOf(pod, query.get("container") ?? ""));
  const parameters = parametersOf(stream, query).toString();
  const suffix = parameters === "" ? "" : `?${parameters}`;
  const path = {
    log: () => `/containerLogs/${place}/${container()}${suffix}`,
    exec: () => `/exec/${place}/${container()}${suffix}`,
    attach: () => `/attach/${place}/${container()}${suffix}`,
    portforward: () => `/portForward/${place}${suffix}`,
  }[stream]();
  return { ...addressOf(node), path };
}

function parametersOf(stream: PodStream, query: URLSearchParams): URLSearchParams {
  const parameters = new URLSearchParams();
  if (stream === "log") {
    for (const name of logParameters) for (const value of query.getAll(name)) parameters.append(name, value);
  } else if (stream === "portforward") {
    for (const value of query.getAll("ports")) parameters.append("port", value);
  } else {
    for (const value of query.getAll("command")) parameters.append("command", value);
    for (const [api, kubelet] of Object.entries(terminalParameters)) {
      const value = query.get(api);
      if (value === "true" || value === "1") parameters.append(kubelet, "1");
    }
  }
  return parameters;
}

/** The named container, or the only one; kubectl knows of the annotation and names it itself. */
function containerOf({ metadata, spec }: KubeObject, wanted: string): string {
  const lists = isFields(spec) ? [spec["containers"], spec["initContainers"], spec["ephemeralContainers"]] : [];
  const [own = [], ...others] = lists.map(namesIn);
  if (wanted !== "") {
    if ([own, ...others].flat().includes(wanted)) return wanted;
    throw badRequest(`container ${wanted} is not valid for pod ${metadata.name}`);
  }
  const [only, second] = own;
  if (only !== undefined && second === undefined) return only;
  const choices = own.join(" ");
  throw badRequest(`a container name must be specified for pod ${metadata.name}, choose one of: [${choices}]`);
}

function namesIn(containers: unknown): readonly string[] {
  return Array.isArray(containers) ? containers.filter(isFields).map(({ name }) => String(name)) : [];
}

/** The node's own address and the port its kubelet tells (core/v1 NodeStatus). */
function addressOf({ metadata, status }: KubeObject): { readonly host: string; readonly port: number } {
  const { addresses, daemonEndpoints } = isFields(status) ? status : ({} as Fields);
  const known = Array.isArray(addresses) ? addresses.filter(isFields) : [];
  const own = known.find(({ type }) => type === "InternalIP") ?? known[0];
  if (typeof own?.["address"] !== "string") throw badRequest(`node ${metadata.name} has no address yet`);
  const endpoint = isFields(daemonEndpoints) ? daemonEndpoints["kubeletEndpoint"] : undefined;
  const port = isFields(endpoint) ? endpoint["Port"] : undefined;
  return { host: own["address"], port: typeof port === "number" ? port : defaultPort };
}
