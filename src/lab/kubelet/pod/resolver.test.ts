// resolv.conf and hosts files as text.
import { describe, expect, test } from "bun:test";
import type { PodSpec } from "kubernetes-types/core/v1";
import { ip } from "#net/ip.ts";
import { pod } from "#test/lab-pod.ts";
import { type ClusterDns, hostnameOf, hostsFile, resolvConf } from "./resolver.ts";

const dns: ClusterDns = { servers: [ip("10.96.0.10")], domain: "cluster.local", upstream: [ip("203.0.113.10")] };
const cluster =
  "nameserver 10.96.0.10\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n";

describe("resolvConf()", () => {
  const rows: readonly (readonly [what: string, spec: Partial<PodSpec>, text: string])[] = [
    ["the cluster's", {}, cluster],
    ["the node's, with its network", { hostNetwork: true }, "nameserver 203.0.113.10\n"],
    ["the cluster's, with the node's network", { hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" }, cluster],
    ["the node's, on demand", { dnsPolicy: "Default" }, "nameserver 203.0.113.10\n"],
    [
      "the pod's own",
      {
        dnsPolicy: "None",
        dnsConfig: {
          nameservers: ["1.1.1.1"],
          searches: ["example.com"],
          options: [{ name: "ndots", value: "2" }, { name: "edns0" }],
        },
      },
      "nameserver 1.1.1.1\nsearch example.com\noptions ndots:2 edns0\n",
    ],
    [
      "the cluster's and more, three servers at most",
      {
        dnsConfig: {
          nameservers: ["1.1.1.1", "2.2.2.2", "3.3.3.3"],
          searches: ["svc.cluster.local", "x.y"],
          options: [{ name: "ndots", value: "1" }],
        },
      },
      "nameserver 10.96.0.10\nnameserver 1.1.1.1\nnameserver 2.2.2.2\nsearch shop.svc.cluster.local svc.cluster.local cluster.local x.y\noptions ndots:1\n",
    ],
  ];
  for (const [what, spec, text] of rows) test(what, () => expect(resolvConf(pod(spec), dns)).toBe(text));
});

test("hostnameOf() is the pod's name, cut to what a host's name may be", () => {
  expect(hostnameOf(pod())).toBe("web-0");
  expect(hostnameOf(pod({ hostname: "db" }))).toBe("db");
  expect(hostnameOf(pod({}, { name: `${"x".repeat(62)}-y` }))).toBe("x".repeat(62));
});

test("hostsFile() names the pod, by its subdomain too, and its aliases", () => {
  const spec = { subdomain: "web", hostAliases: [{ ip: "1.2.3.4", hostnames: ["a", "b"] }] };
  const text = hostsFile(pod(spec), [ip("10.244.1.2"), ip("fd00::2")], dns);
  expect(text.split("\n").slice(7)).toEqual([
    "10.244.1.2\tweb-0.web.shop.svc.cluster.local\tweb-0",
    "fd00::2\tweb-0.web.shop.svc.cluster.local\tweb-0",
    "",
    "# Entries added by HostAliases.",
    "1.2.3.4\ta\tb",
    "",
  ]);
});
