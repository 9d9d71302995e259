// What a pod's /etc/resolv.conf and /etc/hosts say.

import type { Pod } from "#kube/kinds.ts";
import { type Ip, ip } from "#net/ip.ts";

/** The cluster's name servers and domain, and the servers that nodes themselves ask. */
export type ClusterDns = { readonly servers: readonly Ip[]; readonly domain: string; readonly upstream: readonly Ip[] };

/** As the C library reads at most: more are left out. */
const maxServers = 3;

/** The text of resolv.conf by dnsPolicy and dnsConfig. */
export function resolvConf(pod: Pod, dns: ClusterDns): string {
  const { namespace = "default" } = pod.metadata;
  const { dnsConfig = {}, hostNetwork } = pod.spec ?? {};
  const policy = pod.spec?.dnsPolicy ?? "ClusterFirst";
  const cluster = policy === "ClusterFirstWithHostNet" || (policy === "ClusterFirst" && hostNetwork !== true);
  const base = cluster ? dns.servers : policy === "None" ? [] : dns.upstream;
  const searches = cluster ? [`${namespace}.svc.${dns.domain}`, `svc.${dns.domain}`, dns.domain] : [];
  const options = new Map<string, string | undefined>(cluster ? [["ndots", "5"]] : []);
  for (const { name, value } of dnsConfig.options ?? []) if (name !== undefined) options.set(name, value);
  const servers = [...new Set([...base, ...(dnsConfig.nameservers ?? [])])].slice(0, maxServers);
  const search = [...new Set([...searches, ...(dnsConfig.searches ?? [])])];
  const words = [...options].map(([name, value]) => (value === undefined || value === "" ? name : `${name}:${value}`));
  return [
    ...servers.map((server) => `nameserver ${server}`),
    ...(search.length === 0 ? [] : [`search ${search.join(" ")}`]),
    ...(words.length === 0 ? [] : [`options ${words.join(" ")}`]),
    "",
  ].join("\n");
}

/** The short name of a pod's machine: at most 63 letters, as a host's name has. */
export function hostnameOf(pod: Pod): string {
  const name = pod.spec?.hostname ?? pod.metadata.name;
  return name.slice(0, 63).replace(/[-.]+$/, "");
}

/** With a subdomain: `web-0.web.shop.svc.cluster.local`; without: undefined. */
function fqdnOf(pod: Pod, { domain }: ClusterDns): string | undefined {
  const { subdomain } = pod.spec ?? {};
  return subdomain === undefined || subdomain === ""
    ? undefined
    : `${hostnameOf(pod)}.${subdomain}.${pod.metadata.namespace}.svc.${domain}`;
}

/** The text of /etc/hosts. */
export function hostsFile(pod: Pod, ips: readonly Ip[], dns: ClusterDns): string {
  const fqdn = fqdnOf(pod, dns);
  const own = fqdn === undefined ? hostnameOf(pod) : `${fqdn}\t${hostnameOf(pod)}`;
  const aliases = (pod.spec?.hostAliases ?? []).map(
    ({ ip: address, hostnames = [] }) => `${address}\t${hostnames.join("\t")}`,
  );
  return [
    "# Kubernetes-managed hosts file.",
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::0\tip6-localnet",
    "fe00::0\tip6-mcastprefix",
    "fe00::1\tip6-allnodes",
    "fe00::2\tip6-allrouters",
    ...ips.map((address) => `${ip(address)}\t${own}`),
    ...(aliases.length === 0 ? [] : ["", "# Entries added by HostAliases.", ...aliases]),
    "",
  ].join("\n");
}
