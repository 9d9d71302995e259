// The declaration of `twill operator`: what one process does for the whole cluster.

import { leaf, UsageError } from "./command.ts";

export const operatorCommand = leaf({
  summary: "gives nodes their blocks of addresses, and services theirs",
  about:
    "Gives the nodes of a cluster their blocks of pod addresses, where the controller manager does not, and services of type LoadBalancer " +
    "their outer addresses, where no cloud does. Of several operators one leads, by Lease twill-operator; the others wait.",
  flags: {
    "cluster-cidr": {
      value: "BLOCK",
      repeated: true,
      about: "a range of pod addresses, each node gets a block of every one; none: the nodes have their blocks already",
    },
    "node-cidr-mask-size-ipv4": {
      value: "LENGTH",
      parse: parseLength,
      default: "24",
      about: "prefix length of nodes' IPv4 blocks",
    },
    "node-cidr-mask-size-ipv6": {
      value: "LENGTH",
      parse: parseLength,
      default: "64",
      about: "prefix length of nodes' IPv6 blocks",
    },
    "load-balancer-pool": {
      value: "POOL",
      repeated: true,
      about:
        "addresses for services of type LoadBalancer, as [NAME=]RANGE[,RANGE]: blocks, or FIRST-LAST; none: somebody else gives them",
    },
    kubeconfig: {
      value: "FILE",
      complete: "file",
      env: "KUBECONFIG",
      about: "how to reach the API server; within a pod, its service account unless given",
    },
    namespace: {
      short: "n",
      value: "NAMESPACE",
      env: "POD_NAMESPACE",
      default: "kube-system",
      about: "where the Lease is",
    },
    "health-port": {
      value: "PORT",
      parse: parsePort,
      default: "9879",
      about: "port for /healthz; 0 for none",
    },
  },
  load: async () => (await import("#cli/operator/run.ts")).runOperatorCommand,
});

function parseLength(text: string): number {
  if (/^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= 128) return Number(text);
  throw new UsageError("must be the length of a prefix, like 24");
}

function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) < 65_536) return Number(text);
  throw new UsageError("must be a port, 0 to 65535");
}
