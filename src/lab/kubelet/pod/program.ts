// What runs in a container: its own command where the host has the program, what the lab has itself, else the stand-in on its ports.

import type { Container } from "kubernetes-types/core/v1";
import type { Pod } from "#kube/kinds.ts";
import { expand } from "./expand.ts";

export type Program =
  | { readonly kind: "command"; readonly argv: readonly string[] }
  /** Twill's own executable. */
  | { readonly kind: "twill"; readonly args: readonly string[] }
  | { readonly kind: "standin"; readonly args: readonly string[] };

/** Images without a server in them: their arguments are the command, and without any they are a shell. */
const shells = /(^|\/)(lab\/shell|busybox|alpine|debian|ubuntu|fedora|centos|bash|netshoot|agnhost-shell)$/;

/** Cluster DNS as every lab has it. */
const clusterDns = /(^|\/)lab\/dns$/;

/** Where a server mostly listens, for images whose manifest does not say: `kubectl create deployment` writes no ports. */
const usualPorts: readonly number[] = [80, 8080];

/** `exists` tells whether the host has a program of that name or path. */
export function programOf(
  pod: Pod,
  container: Container,
  node: string,
  variables: ReadonlyMap<string, string>,
  exists: (program: string) => boolean,
): Program {
  const command = (container.command ?? []).map((word) => expand(word, variables));
  const args = (container.args ?? []).map((word) => expand(word, variables));
  const [program] = command;
  if (program !== undefined && exists(program)) return { kind: "command", argv: [...command, ...args] };
  const image = (container.image ?? "").replace(/@.*$/, "").replace(/:[^/]*$/, "");
  if (shells.test(image)) {
    // A command that the host lacks fails to start, as it would with a real image.
    if (command.length + args.length > 0) return { kind: "command", argv: [...command, ...args] };
    const waits = container.tty === true || container.stdin === true ? ["sh"] : ["sleep", "infinity"];
    return { kind: "command", argv: waits };
  }
  if (clusterDns.test(image)) return { kind: "twill", args: ["lab", "dns"] };
  return { kind: "standin", args: standinArgs(pod, container, node) };
}

function standinArgs(pod: Pod, container: Container, node: string): readonly string[] {
  const { namespace = "default", name } = pod.metadata;
  // The stand-in knows no SCTP.
  const declared = (container.ports ?? [])
    .filter(({ protocol }) => protocol !== "SCTP")
    .map(({ containerPort, protocol }) => [protocol === "UDP" ? "--udp" : "--tcp", String(containerPort)]);
  const probed = probePorts(container).map((port) => ["--try-tcp", String(port)]);
  const guessed = declared.length === 0 ? usualPorts.map((port) => ["--try-tcp", String(port)]) : [];
  return [
    "standin",
    ...["--pod", name, "--namespace", namespace, "--node", node, "--container", container.name],
    ...[...declared, ...probed, ...guessed].flat(),
  ];
}

/** Ports that only probes name; a port by name is a declared one. */
function probePorts({ livenessProbe, readinessProbe, startupProbe }: Container): readonly number[] {
  const ports = [livenessProbe, readinessProbe, startupProbe].map(
    (probe) => probe?.httpGet?.port ?? probe?.tcpSocket?.port ?? probe?.grpc?.port,
  );
  return [...new Set(ports.filter((port) => typeof port === "number"))];
}
