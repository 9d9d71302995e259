// What is wrong is refused, in words that say where.

import { fails, type Group, prints, row, unknownBefore } from "./row.ts";

export const refusals: Group = {
  name: "refusals",
  rows: [
    fails("apply -f typo.yaml", /unknown field ("dta"|"?[\w.]*dta)/),
    row(
      "apply -f typo.yaml --validate=warn",
      ['unknown field "dta"', "configmap/typo created"],
      unknownBefore(25, /invalid argument|invalid syntax/, "the flag takes words since 1.25"),
    ),
    row("apply -f typo.yaml --validate=false", /configmap\/typo (created|unchanged|configured)/),
    prints("get configmap typo -o jsonpath={.dta}", ""),
    // The last one counts: keys that are there twice are lost before the server sees them.
    row("create -f twice.yaml", "configmap/twice created"),
    fails("apply -f badname.yaml", [
      'ConfigMap "Bad_Name" is invalid: metadata.name: Invalid value: "Bad_Name"',
      "a lowercase RFC 1123 subdomain must consist of",
    ]),
    fails("apply -f badtype.yaml", /data/),
    fails("apply -f nokind.yaml", /kind/),
    fails("apply -f unknown.yaml", 'no matches for kind "Gadget" in version "example.org/v1"'),
    fails("apply -f broken.yaml", /error (parsing|converting) /),
    fails("apply -f missing.yaml", 'the path "missing.yaml" does not exist'),
    fails(
      "apply -f elsewhere.yaml",
      'the namespace from the provided object "elsewhere" does not match the namespace "refusals"',
    ),
    fails("apply -f badservice.yaml", [
      'The Service "bad" is invalid',
      "spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive",
      "spec.clusterIP",
    ]),
    fails("apply -f badpolicy.yaml", [
      'The NetworkPolicy "bad" is invalid',
      "spec.ingress[0].from[0].ipBlock.cidr: Invalid value",
    ]),
    fails("apply -f noselector.yaml", [
      'The Deployment "bad" is invalid',
      "`selector` does not match template `labels`",
    ]),
    fails("create deployment web --image ''", /./),
    fails("run Bad_Name --image a", /Invalid value: "Bad_Name"/),
    fails("create namespace refusals", 'namespaces "refusals" already exists'),
    fails("create configmap a --from-literal a=b -n nowhere", 'namespaces "nowhere" not found'),
    fails("get pod a b -o wide --field-selector a=b", "cannot"),
    fails("scale deployment none --replicas 1", /not found|no objects passed to scale/),
    fails("logs none", 'pods "none" not found'),
    fails("exec none -- true", 'pods "none" not found'),
    fails("port-forward none 8080:80", 'pods "none" not found'),
    fails("get pods --server https://127.0.0.1:1", /refused|right host or port/),
    fails("get pods --certificate-authority manifests-none", /unable to read certificate-authority|no such file/),
    fails("get pods --token a.b.c --client-certificate '' --kubeconfig /dev/null --server https://127.0.0.1:1", /./),
    fails("frobnicate", 'unknown command "frobnicate"'),
    fails("get pods --frobnicate", "unknown flag"),
    fails("rollout status configmap/none", /not found|no status viewer/),
    fails("rollout undo deployment/none", "not found"),
    fails("expose deployment none --port 80", "not found"),
    fails("autoscale deployment none --max 1", "not found"),
    fails("auth can-i", /must specify/),
  ],
};
