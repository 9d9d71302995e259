// Declaring: apply from the client and on the server, diff, prune, kustomize.

import { fails, type Group, prints, row } from "./row.ts";

const pruned = ["configmap/one unchanged", "configmap/two pruned"];

export const applying: Group = {
  name: "applying",
  rows: [
    row("diff -f shop.yaml", ["+kind: Deployment", /^\+ +color: red$/m], { code: 1 }),
    row("apply -f shop.yaml --dry-run=client", "deployment.apps/web created (dry run)"),
    row("apply -f shop.yaml --dry-run=server", "deployment.apps/web created (server dry run)"),
    fails("get deployment web", "not found"),
    row("apply -f shop.yaml", ["configmap/settings created", "service/web created", "deployment.apps/web created"]),
    row("apply -f shop.yaml", [
      "configmap/settings unchanged",
      "service/web unchanged",
      "deployment.apps/web unchanged",
    ]),
    prints("diff -f shop.yaml", ""),
    row("diff -f shop-2.yaml", [/^- +color: red$/m, /^\+ +color: blue$/m, /^\+ +image: shop\/web:2$/m], { code: 1 }),
    row("apply -f shop-2.yaml", [
      "configmap/settings configured",
      "service/web unchanged",
      "deployment.apps/web configured",
    ]),
    prints("get configmap settings -o jsonpath={.data.color}", "blue"),
    row("apply view-last-applied configmap settings", "color: blue"),
    row("scale deployment web --replicas 3", "scaled"),
    row("apply -f shop.yaml", "deployment.apps/web configured"),
    prints("get deployment web -o 'jsonpath={.spec.replicas} {.metadata.generation}'", "2 4"),
    row("set image deployment/web web=shop/web:other", "image updated"),
    row("apply set-last-applied -f shop-2.yaml", "configured"),
    row("apply -f shop.yaml", "deployment.apps/web configured"),
    row("create configmap mine --from-literal a=b", "configmap/mine created"),
    row("apply -f -", ["configmap/mine configured", /missing the .*last-applied-configuration annotation/], {
      input: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine}\ndata: {c: d}\n",
    }),
    prints("get configmap mine -o jsonpath={.data}", '{"a":"b","c":"d"}'),
    row("apply -f one.yaml -f two.yaml", ["configmap/one created", "configmap/two created"]),
    row("apply -f one.yaml --prune -l set=pruned --prune-allowlist core/v1/ConfigMap", pruned, {
      old: {
        before: 26,
        run: "apply -f one.yaml --prune -l set=pruned --prune-whitelist core/v1/ConfigMap",
        says: pruned,
        why: "the flag has another name since 1.26",
      },
    }),
    fails("get configmap two", "not found"),
    row("apply --server-side -f server-a.yaml --field-manager a", "configmap/shared serverside-applied"),
    row("apply --server-side -f server-a.yaml --field-manager a", "configmap/shared serverside-applied"),
    fails("apply --server-side -f server-b.yaml --field-manager b", [
      /conflict with "a"/,
      ".data.color",
      "--force-conflicts",
    ]),
    row(
      "apply --server-side -f server-b.yaml --field-manager b --force-conflicts",
      "configmap/shared serverside-applied",
    ),
    prints("get configmap shared -o jsonpath={.data}", '{"color":"blue","size":"small"}'),
    row(
      "get configmap shared --show-managed-fields -o yaml",
      ["manager: a", "manager: b", "operation: Apply", "f:color: {}"],
      {
        old: {
          before: 21,
          code: 1,
          says: "unknown flag",
          why: "the flag came with 1.21: before, managed fields are always shown",
        },
      },
    ),
    row("apply --server-side -f shop.yaml --force-conflicts", "deployment.apps/web serverside-applied"),
    row("apply --server-side --dry-run=server -f shop-2.yaml --force-conflicts", "(server dry run)"),
    row("diff --server-side -f shop.yaml --force-conflicts", ""),
    row("apply -k over", ["configmap/my-settings created", "service/my-web created", "deployment.apps/my-web created"]),
    prints("get deployment my-web -o jsonpath={.spec.template.spec.containers[0].image}", "shop/web:9"),
    row("kustomize over", "name: my-web"),
    row("diff -k over", ""),
    row("delete -k over", 'deployment.apps "my-web" deleted'),
    row("apply -f folder", ["configmap/from-folder-a created", "configmap/from-folder-b created"]),
    row("apply -f pod.yaml", "pod/single created"),
    fails("apply -f pod-changed.yaml", ["is invalid", "pod updates may not change fields other than"]),
    row("apply -f pod-changed.yaml --force", "pod/single configured"),
    row("apply -f shop.yaml -o name", "deployment.apps/web"),
    row("apply -f stateful.yaml -f daemon.yaml", ["statefulset.apps/db created", "daemonset.apps/agent created"]),
    row("rollout status statefulset/db --timeout 30s", /roll(ing|out).*complete|partitioned roll out complete/),
    row("rollout status daemonset/agent --timeout 30s", "successfully rolled out"),
  ],
};
