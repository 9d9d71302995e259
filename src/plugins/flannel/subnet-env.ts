// The file in which flanneld says which addresses this machine has.

import { readFileSync } from "node:fs";
import { CniError, ErrorCode } from "#cni/error.ts";
import { errnoName, errnoOf } from "#kernel/errno.ts";
import { type Cidr, networkOf, parseIfAddr } from "#net/cidr.ts";

export type SubnetEnv = {
  /** The whole cluster's blocks, IPv4 first. */
  readonly networks: readonly Cidr[];
  /** This machine's, at most one of each family, IPv4 first. */
  readonly subnets: readonly Cidr[];
  readonly mtu: number;
  /** Whether flanneld masquerades. */
  readonly ipMasq: boolean;
};

/** @throws CniError 11 when the file cannot be read (flanneld writes it once it has its lease), 7 when it makes no sense. */
export function readSubnetEnv(path: string): SubnetEnv {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const reason = `Cannot read ${path}: ${errnoName(errnoOf(cause))}`;
    throw new CniError(ErrorCode.tryAgainLater, `flannel: ${reason}: check that flanneld runs and has its lease`, {
      cause,
    });
  }
  return parseSubnetEnv(text, path);
}

/**
 * Lines of `FLANNEL_SUBNET=10.1.17.1/24`; FLANNEL_NETWORK may list several blocks, parted by commas.
 * @throws CniError 7 naming what is missing, or the line that makes no sense. `path` is for its sentence.
 */
export function parseSubnetEnv(text: string, path: string): SubnetEnv {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [key = "", ...rest] = line.trim().split("=");
    if (rest.length > 0) values.set(key, rest.join("="));
  }
  const invalid = (problem: string) => new CniError(ErrorCode.invalidConfig, `flannel: ${path} ${problem}`);
  const blocks = (key: string) =>
    (values.get(key) ?? "")
      .split(",")
      .filter((word) => word !== "")
      .map((word) => {
        const address = parseIfAddr(word.trim());
        if (address === undefined) throw invalid(`has ${key}=${word}, which is no address block`);
        return networkOf(address);
      });
  const networks = [...blocks("FLANNEL_NETWORK"), ...blocks("FLANNEL_IPV6_NETWORK")];
  const subnets = [...blocks("FLANNEL_SUBNET"), ...blocks("FLANNEL_IPV6_SUBNET")];
  const mtu = values.get("FLANNEL_MTU");
  const ipMasq = values.get("FLANNEL_IPMASQ");
  const missing = [
    ...(networks.length > 0 ? [] : ["FLANNEL_NETWORK", "FLANNEL_IPV6_NETWORK"]),
    ...(subnets.length > 0 ? [] : ["FLANNEL_SUBNET", "FLANNEL_IPV6_SUBNET"]),
    ...(mtu === undefined ? ["FLANNEL_MTU"] : []),
    ...(ipMasq === undefined ? ["FLANNEL_IPMASQ"] : []),
  ];
  if (mtu === undefined || missing.length > 0) throw invalid(`is missing ${missing.join(", ")}`);
  if (!/^\d{1,9}$/.test(mtu)) throw invalid(`has FLANNEL_MTU=${mtu}, which is no whole number`);
  return { networks, subnets, mtu: Number(mtu), ipMasq: ipMasq === "true" };
}
