// Rules of nftables in the layout that kube-proxy's mode nftables publishes: verdict maps from addresses and ports to a chain for each
// service, from there by chance to a chain for each endpoint.
//
//   services ──service-ips, service-nodeports──► service-… ──numgen random──► endpoint-… ──► dnat
//                                                    └──► mark-for-masquerade ──► masquerading, behind the routing

export type ProxiedService = {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly nodePort?: number;
  /** `10.244.0.2:8080` */
  readonly endpoints: readonly string[];
  /**
   * Leads to its only endpoint without a choice, which kube-proxy writes even then: a choice is an anonymous map, and 30,000 of them in one
   * transaction kept a processor in the kernel for minutes. Packets of other services do not see a difference.
   */
  readonly hasNoChoice?: boolean;
};

export type ProxySettings = {
  /** Clients from elsewhere are masqueraded when they ask for a service's own address. */
  readonly clusterBlock: string;
  /** Where node ports are open. */
  readonly nodeAddresses: readonly string[];
};

const mark = "0x4000";

/** Services that one transaction brings: for as long as it lasts, the kernel lets nobody else have the processor. */
const servicesAtOnce = 500;

/**
 * Inputs for nft(8), one after another. What packets come through first is last: until then the kernel has no way to follow anew for
 * every transaction.
 */
export function kubeProxyRules(
  services: readonly ProxiedService[],
  { clusterBlock, nodeAddresses }: ProxySettings,
): readonly string[] {
  const parts: string[] = [table(lookUps(nodeAddresses))];
  for (let start = 0; start < services.length; start += servicesAtOnce) {
    const some = services.slice(start, start + servicesAtOnce);
    parts.push(table([...some.flatMap((service) => chainsOf(service, clusterBlock)), ...elementsFor(some)]));
  }
  return [...parts, table([fixedChains])];
}

function table(lines: readonly string[]): string {
  return `table ip kube-proxy {\n${lines.join("\n")}\n}\n`;
}

function lookUps(nodeAddresses: readonly string[]): readonly string[] {
  const [perAddress, perPort] = [
    "ipv4_addr . inet_proto . inet_service : verdict",
    "inet_proto . inet_service : verdict",
  ];
  return [
    chain("mark-for-masquerade", [`meta mark set meta mark or ${mark}`]),
    set("cluster-ips", "ipv4_addr", []),
    set("nodeport-ips", "ipv4_addr", nodeAddresses),
    ...["firewall-ips", "no-endpoint-services", "service-ips"].map((name) => map(name, perAddress, [])),
    ...["no-endpoint-nodeports", "service-nodeports"].map((name) => map(name, perPort, [])),
  ];
}

function elementsFor(services: readonly ProxiedService[]): readonly string[] {
  const ports = services.flatMap(({ name, nodePort }) =>
    nodePort === undefined ? [] : [`tcp . ${nodePort} : goto external-${name}`],
  );
  const addresses = services.map(({ name, address, port }) => `${address} . tcp . ${port} : goto service-${name}`);
  return [
    set("cluster-ips", "ipv4_addr", [...new Set(services.map(({ address }) => address))]),
    map("service-ips", "ipv4_addr . inet_proto . inet_service : verdict", addresses),
    map("service-nodeports", "inet_proto . inet_service : verdict", ports),
  ];
}

const fixedChains = `
  chain services {
    ip daddr . meta l4proto . th dport vmap @service-ips
    ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
  }
  chain nat-prerouting {
    type nat hook prerouting priority dstnat
    jump services
  }
  chain nat-output {
    type nat hook output priority -100
    jump services
  }
  chain masquerading {
    meta mark and ${mark} == 0 return
    meta mark set meta mark xor ${mark}
    masquerade fully-random
  }
  chain nat-postrouting {
    type nat hook postrouting priority srcnat
    jump masquerading
  }
  chain cluster-ips-check { ip daddr @cluster-ips reject; }
  chain firewall-check { ip daddr . meta l4proto . th dport vmap @firewall-ips; }
  chain service-endpoints-check { ip daddr . meta l4proto . th dport vmap @no-endpoint-services; }
  chain nodeport-endpoints-check { ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports; }
  chain filter-prerouting {
    type filter hook prerouting priority -110
    ct state new jump firewall-check
  }
  chain filter-input {
    type filter hook input priority -110
    ct state new jump nodeport-endpoints-check
    ct state new jump service-endpoints-check
  }
  chain filter-forward {
    type filter hook forward priority -110
    ct state new jump service-endpoints-check
    ct state new jump cluster-ips-check
  }
  chain filter-output {
    type filter hook output priority -110
    ct state new jump service-endpoints-check
    ct state new jump firewall-check
  }
  chain filter-output-post-dnat {
    type filter hook output priority -90
    ct state new jump cluster-ips-check
  }`;

function chainsOf(service: ProxiedService, clusterBlock: string): readonly string[] {
  const { name, address, port, nodePort, endpoints, hasNoChoice = false } = service;
  const names = endpoints.map((_, index) => `endpoint-${name}-${index}`);
  const choices = names.map((endpoint, index) => `${index} : goto ${endpoint}`).join(", ");
  const external =
    nodePort === undefined ? [] : [chain(`external-${name}`, ["jump mark-for-masquerade", `goto service-${name}`])];
  return [
    ...endpoints.map((endpoint, index) => {
      const [own = ""] = endpoint.split(":");
      // A pod that reaches itself must not see its own address.
      return chain(names[index] ?? "", [
        `ip saddr ${own} jump mark-for-masquerade`,
        `meta l4proto tcp dnat to ${endpoint}`,
      ]);
    }),
    chain(`service-${name}`, [
      `ip daddr ${address} tcp dport ${port} ip saddr != ${clusterBlock} jump mark-for-masquerade`,
      hasNoChoice ? `goto ${names[0]}` : `numgen random mod ${endpoints.length} vmap { ${choices} }`,
    ]),
    ...external,
  ];
}

function chain(name: string, rules: readonly string[]): string {
  return `  chain ${name} {\n    ${rules.join("\n    ")}\n  }`;
}

function set(name: string, type: string, elements: readonly string[]): string {
  return `  set ${name} { type ${type}; ${elementsOf(elements)} }`;
}

function map(name: string, type: string, elements: readonly string[]): string {
  return `  map ${name} { type ${type}; ${elementsOf(elements)} }`;
}

function elementsOf(elements: readonly string[]): string {
  return elements.length === 0 ? "" : `elements = { ${elements.join(", ")} };`;
}
