// Changing what is there: patches, edit, labels, replace, set, scale.

import { fails, type Group, prints, row, unknownBefore } from "./row.ts";

const image = "jsonpath={.spec.template.spec.containers[0].image}";

export const changing: Group = {
  name: "changing",
  rows: [
    row("create -f shop.yaml", "deployment.apps/web created"),
    row("scale deployment web --replicas 4", "deployment.apps/web scaled"),
    prints("get deployment web -o jsonpath={.spec.replicas}", "4"),
    fails("scale deployment web --current-replicas 9 --replicas 1", "Expected replicas to be 9, was 4"),
    row("scale deployment web --current-replicas 4 --replicas 1", "scaled"),
    row("label deployment web tier=front", "deployment.apps/web labeled"),
    row("label deployment web tier=front", "deployment.apps/web not labeled", {
      old: { before: 22, code: 1, says: "already has a value (front)", why: "it refuses the same value as well" },
    }),
    fails("label deployment web tier=back", "already has a value (front), and --overwrite is false"),
    row("label deployment web tier=back --overwrite", "deployment.apps/web labeled"),
    prints("get deployment web -o jsonpath={.metadata.labels.tier}", "back"),
    row("label deployment web tier-", /deployment.apps\/web (labeled|unlabeled)/),
    row("label configmap --all kind=settings", "configmap/settings labeled"),
    fails("label deployment web 'a=b c'", "a valid label must be"),
    row("label --list configmap settings", "kind=settings"),
    row("annotate deployment web note=hello", /^deployment.apps\/web annotated?$/m),
    row("annotate deployment web note-", /^deployment.apps\/web annotated?$/m),
    row(`patch deployment web -p '{"spec":{"replicas":5}}'`, "deployment.apps/web patched"),
    row(`patch configmap settings -p '{"data":{"color":"red"}}'`, "configmap/settings patched (no change)"),
    row(
      `patch deployment web -p '{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"shop/web:p"}]}}}}'`,
      "patched",
    ),
    prints(
      `get deployment web -o 'jsonpath={.spec.template.spec.containers[0].image} {.spec.template.spec.containers[0].ports[0].name}'`,
      "shop/web:p http",
    ),
    row("patch deployment web --patch-file patch.yaml", "patched"),
    prints(`get deployment web -o ${image}`, "shop/web:patched"),
    row(`patch deployment web --type merge -p '{"metadata":{"labels":{"a":"b","app":null}}}'`, "patched"),
    prints("get deployment web -o jsonpath={.metadata.labels}", '{"a":"b"}'),
    row(`patch deployment web --type json -p '[{"op":"replace","path":"/spec/replicas","value":2}]'`, "patched"),
    row(
      `patch deployment web --type json -p '[{"op":"test","path":"/spec/replicas","value":2},{"op":"remove","path":"/metadata/labels/a"}]'`,
      "patched",
    ),
    fails(
      `patch deployment web --type json -p '[{"op":"test","path":"/spec/replicas","value":3}]'`,
      /request is invalid|rejected our request|test/i,
    ),
    fails(
      `patch deployment web --type json -p '[{"op":"remove","path":"/spec/nothing"}]'`,
      /request is invalid|rejected our request|remove/,
    ),
    fails(
      `patch deployment web -p '{"spec":{"replicas":-1}}'`,
      "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
    ),
    fails(`patch deployment web -p '{"spec":{"replicas":"many"}}'`, "replicas"),
    fails("patch deployment web -p '{'", /yaml|JSON|parse|unexpected/),
    fails(`patch deployment none -p '{"spec":{"replicas":1}}'`, 'deployments.apps "none" not found'),
    row(
      `patch deployment web --subresource scale --type merge -p '{"spec":{"replicas":3}}'`,
      "scale.autoscaling/web patched",
      unknownBefore(24, "unknown flag", "the flag came with 1.24"),
    ),
    row(`patch deployment web --dry-run=server -p '{"spec":{"replicas":9}}'`, "patched"),
    row("edit configmap settings", "configmap/settings edited", { env: { KUBE_EDITOR: "sed -i s/red/green/" } }),
    prints("get configmap settings -o jsonpath={.data.color}", "green"),
    row("edit configmap settings", "Edit cancelled, no changes made.", { env: { KUBE_EDITOR: "true" } }),
    row("edit deployment web -o json", /"replicas": 6/, {
      env: { KUBE_EDITOR: `sed -i 's/"replicas": [0-9]*/"replicas": 6/'` },
    }),
    row("set image deployment/web web=shop/web:3", "deployment.apps/web image updated"),
    row("set image deployment/web '*=shop/web:4'", "image updated"),
    fails("set image deployment/web nothing=a", 'unable to find container named "nothing"'),
    prints(`get deployment web -o ${image}`, "shop/web:4"),
    row("set env deployment/web A=B", "deployment.apps/web env updated"),
    row("set env deployment/web --list", ["A=B", "COLOR"]),
    row("set env deployment/web A-", "env updated"),
    row("set env deployment/web --from configmap/settings --prefix SHOP_", "env updated"),
    row(
      "set resources deployment web --limits cpu=200m,memory=64Mi --requests cpu=100m",
      "deployment.apps/web resource requirements updated",
    ),
    prints("get deployment web -o jsonpath={.spec.template.spec.containers[0].resources.limits.cpu}", "200m"),
    row("set serviceaccount deployment web default", "serviceaccount updated"),
    row("set selector service web app=other", "selector updated"),
    prints("get service web -o jsonpath={.spec.selector}", '{"app":"other"}'),
    fails("replace -f policy.yaml", 'networkpolicies.networking.k8s.io "deny" not found'),
    row("create -f policy.yaml", "created"),
    row("replace -f policy.yaml", "networkpolicy.networking.k8s.io/deny replaced"),
    row("replace --force -f policy.yaml", ["deleted", "networkpolicy.networking.k8s.io/deny replaced"]),
    fails("replace -f -", "the object has been modified", {
      input: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, resourceVersion: '1'}\ndata: {}\n",
    }),
    row('patch service web --type merge -p \'{"spec":{"type":"NodePort"}}\'', "patched"),
    fails(
      `patch service web -p '{"spec":{"clusterIP":"10.96.9.9"}}'`,
      'spec.clusterIPs[0]: Invalid value: ["10.96.9.9"]: may not change once set',
    ),
    row("get service web", /NodePort .*80:3\d{4}\/TCP/),
  ],
};
