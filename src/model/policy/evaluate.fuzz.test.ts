// The engine agrees with the documentation: on random clusters, for every pair of ends, protocol and port.

import { describe, expect, test } from "bun:test";
import type { NetworkPolicy, Pod } from "#kube/kinds.ts";
import { ip } from "#net/ip.ts";
import { allows, type OracleCluster, type OracleEnd } from "#test/policy/oracle.ts";
import { endsOf, ports, protocols, randomCluster } from "#test/policy/random-cluster.ts";
import { forEachSeed } from "#test/random.ts";
import { evaluate } from "./evaluate.ts";
import { fromNetworkPolicy } from "./network-policy.ts";
import { type Party, podParty } from "./party.ts";
import type { Protocol } from "./rule.ts";

const clusters = process.env["TWILL_LONG"] === "1" ? 5_000 : 250;

/** The end as the engine knows it, over one family. */
function partyOf(end: OracleEnd, { namespaces }: OracleCluster, v6: boolean): Party {
  if (!("pod" in end)) return { party: "address", addresses: [ip(end.ip)] };
  const { namespace, name, labels, ips, node, hostNetwork = false, ports } = end.pod;
  const addresses = ips.filter((each) => each.includes(":") === v6);
  if (hostNetwork) return { party: "node", name: node, labels: {}, addresses: addresses.map(ip) };
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace, name, labels },
    spec: { nodeName: node, containers: [{ name: "c", ports }] },
    status: { podIPs: addresses.map((each) => ({ ip: each })) },
  } as unknown as Pod;
  const party = podParty(pod, namespaces[namespace] ?? {});
  if (party === undefined) throw new Error("a pod is a party");
  return party;
}

describe("evaluate()", () => {
  test(`agrees with the documentation on ${clusters} random clusters`, () => {
    let cases = 0;
    let denied = 0;
    forEachSeed(clusters, (random) => {
      const cluster = randomCluster(random);
      const policies = cluster.policies.map((policy) => fromNetworkPolicy(policy as unknown as NetworkPolicy));
      for (const v6 of [false, true]) {
        for (const from of endsOf(cluster)) {
          for (const to of endsOf(cluster)) {
            const protocol = protocols[cases % protocols.length] ?? "TCP";
            const port = random.pick(ports);
            const outside = [from, to].find((end) => "ip" in end && end.ip.includes(":") !== v6);
            if (outside !== undefined) continue;
            const traffic = { protocol: protocol.toLowerCase() as Protocol, port };
            const verdict = evaluate(policies, partyOf(from, cluster, v6), partyOf(to, cluster, v6), traffic);
            const expected = allows(cluster, from, to, protocol, port, v6);
            if (verdict.allowed !== expected) {
              const what = { from, to, protocol, port, v6, expected, policies: cluster.policies };
              throw new Error(`The engine disagrees: ${JSON.stringify(what, null, 1)}`);
            }
            cases++;
            if (!expected) denied++;
          }
        }
      }
    });
    // Both answers must be common, or the comparison says little.
    expect(cases).toBeGreaterThan(clusters * 20);
    expect(denied / cases).toBeGreaterThan(0.1);
    expect(denied / cases).toBeLessThan(0.9);
  }, 60_000);
});
