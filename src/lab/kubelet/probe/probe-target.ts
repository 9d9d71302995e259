// What a probe asks: addresses and ports of a pod as the manifest names them, resolved.

import type { Container, HTTPGetAction, Probe } from "kubernetes-types/core/v1";
import type { Ip } from "#net/ip.ts";

export type ProbeTarget =
  | { readonly kind: "http"; readonly url: string; readonly headers: readonly (readonly [string, string])[] }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "exec"; readonly argv: readonly string[] };

/** Undefined when the probe names a port that the container does not declare, or has no action that the lab knows. */
export function probeTarget(
  probe: Pick<Probe, "httpGet" | "tcpSocket" | "grpc" | "exec">,
  container: Container,
  ip: Ip,
): ProbeTarget | undefined {
  const { exec, httpGet, tcpSocket, grpc } = probe;
  if (exec !== undefined) return { kind: "exec", argv: exec.command ?? [] };
  if (httpGet !== undefined) {
    const port = portOf(httpGet.port, container);
    return port === undefined ? undefined : httpTarget(httpGet, port, ip);
  }
  const port = portOf(tcpSocket?.port ?? grpc?.port, container);
  return port === undefined ? undefined : { kind: "tcp", host: tcpSocket?.host ?? ip, port };
}

function httpTarget(
  { scheme = "HTTP", host, path = "/", httpHeaders = [] }: HTTPGetAction,
  port: number,
  ip: Ip,
): ProbeTarget {
  const name = host ?? ip;
  const bracketed = name.includes(":") ? `[${name}]` : name;
  return {
    kind: "http",
    url: `${scheme.toLowerCase()}://${bracketed}:${port}${path.startsWith("/") ? path : `/${path}`}`,
    headers: httpHeaders.map(({ name, value }) => [name, value]),
  };
}

function portOf(port: string | number | undefined, { ports = [] }: Container): number | undefined {
  if (typeof port === "number") return port;
  if (port === undefined) return undefined;
  return /^\d+$/.test(port) ? Number(port) : ports.find(({ name }) => name === port)?.containerPort;
}
