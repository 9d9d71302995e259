// Names of ports that nobody declares.

import { expect, test } from "bun:test";
import type { NetworkPolicy } from "#kube/kinds.ts";
import type { PodModel } from "#model/pod.ts";
import { fromNetworkPolicy } from "#model/policy/network-policy.ts";
import { formatOrigin } from "#model/policy/rule.ts";
import { undeclaredNames } from "./undeclared-names.ts";

function policy(name: string, ...ports: readonly object[]) {
  const spec = { podSelector: {}, ingress: [{ ports }] };
  return fromNetworkPolicy({ metadata: { namespace: "shop", name }, spec } as unknown as NetworkPolicy);
}

const pod = { ports: [{ name: "web", protocol: "tcp", port: 80 }] } as unknown as PodModel;

test("a name is declared by some pod, of the protocol that is meant; numbers need nobody", () => {
  const [plain, named] = [
    policy("plain", { port: 80 }),
    policy("named", { port: "web" }, { port: "web", protocol: "UDP" }),
  ];
  const found = undeclaredNames([plain, named], () => [pod]);
  expect([...found.keys()]).toEqual([named]);
  expect(found.get(named)?.map(({ origin, why }) => `${formatOrigin(origin)}: ${why}`)).toEqual([
    'NetworkPolicy shop/named spec.ingress[0].ports[1]: no pod declares a port "web" of udp, so it matches nothing',
  ]);
});

test("pods are not looked at for policies without names", () => {
  const pods = () => {
    throw new Error("looked at");
  };
  expect(undeclaredNames([policy("plain", { port: 80 })], pods).size).toBe(0);
});
