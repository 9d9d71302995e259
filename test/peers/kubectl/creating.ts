// Making objects: every generator of create, run, and files in their forms.

import { fails, type Group, prints, row, unknownBefore } from "./row.ts";

const token = "the command came with 1.24";

export const creating: Group = {
  name: "creating",
  rows: [
    row("create namespace creating-more", "namespace/creating-more created"),
    fails("create namespace creating-more", 'namespaces "creating-more" already exists'),
    row("create configmap literal --from-literal a=b --from-literal c=d", "configmap/literal created"),
    prints("get configmap literal -o jsonpath={.data}", '{"a":"b","c":"d"}'),
    row("create configmap file --from-file settings.env", "configmap/file created"),
    row("create configmap env --from-env-file settings.env", "configmap/env created"),
    prints("get configmap env -o jsonpath={.data.B}", "2"),
    row("create secret generic hidden --from-literal p=q", "secret/hidden created"),
    prints("get secret hidden -o jsonpath={.data.p}", "cQ=="),
    row(
      "create secret docker-registry regcred --docker-server r --docker-username u --docker-password p",
      "secret/regcred created",
    ),
    row("create serviceaccount bob", /serviceaccount\/bob created/),
    row(
      "create token bob",
      /^ey[\w-]+\.ey[\w-]+\.[\w-]+\s*$/,
      unknownBefore(24, /unknown (command|flag)|unexpected|resource/i, token),
    ),
    row("create deployment api --image shop/api --replicas 1 --port 8080", "deployment.apps/api created"),
    prints(
      "get deployment api -o 'jsonpath={.spec.replicas} {.spec.template.spec.containers[0].ports[0].containerPort}'",
      "1 8080",
    ),
    row("create job once --image shop/job", "job.batch/once created"),
    row("create cronjob nightly --image shop/job --schedule '0 3 * * *'", /cronjob.batch\/nightly created/),
    row("create job now --from cronjob/nightly", "job.batch/now created", {
      old: {
        before: 21,
        code: 1,
        says: 'no kind "CronJob" is registered',
        why: "it knows the kind's version v1beta1 only",
      },
    }),
    row("create service clusterip plain --tcp 80:8080", "service/plain created"),
    row("create service nodeport outside --tcp 80 --node-port 30123", "service/outside created"),
    fails(
      "create service nodeport again --tcp 80 --node-port 30123",
      "spec.ports[0].nodePort: Invalid value: 30123: provided port is already allocated",
    ),
    row("create service externalname far --external-name www.example.com", "service/far created"),
    row("create service loadbalancer front --tcp 80", "service/front created"),
    row("get services", [
      /^far +ExternalName +<none> +www.example.com +<none>/m,
      /^outside +NodePort .*80:30123\/TCP/m,
      /^front +LoadBalancer .*<pending>/m,
    ]),
    row("create ingress shop --rule shop.example.com/*=plain:80", "ingress.networking.k8s.io/shop created"),
    row(
      "create poddisruptionbudget web --selector app=web --min-available 1",
      /poddisruptionbudget.policy\/web created/,
    ),
    row("create quota small --hard pods=5", "resourcequota/small created"),
    row("create role reader --verb get,list --resource pods", "role.rbac.authorization.k8s.io/reader created"),
    row(
      "create rolebinding bob --role reader --serviceaccount creating:bob",
      "rolebinding.rbac.authorization.k8s.io/bob created",
    ),
    row(
      "create clusterrole creating-see --verb get --resource nodes",
      "clusterrole.rbac.authorization.k8s.io/creating-see created",
    ),
    row("create clusterrolebinding creating-see --clusterrole creating-see --user jane", "creating-see created"),
    row("create priorityclass high --value 10", "priorityclass.scheduling.k8s.io/high created"),
    row("run lonely --image shop/lonely --env A=B --port 80", "pod/lonely created"),
    prints("get pod lonely -o 'jsonpath={.spec.containers[0].env[0].name} {.metadata.labels.run}'", "A lonely"),
    row("run dry --image shop/dry --dry-run=client -o yaml", [/^kind: Pod$/m, "image: shop/dry"]),
    row("run dry --image shop/dry --dry-run=server", "pod/dry created (server dry run)"),
    row("create -f pod.yaml", "pod/single created"),
    fails(
      "create -f pod.yaml",
      'Error from server (AlreadyExists): error when creating "pod.yaml": pods "single" already exists',
    ),
    row("create -f generated.yaml", /configmap\/gen-[a-z0-9]{5} created/),
    row("create -f list.yaml", ["configmap/first created", "configmap/second created"]),
    row("create -f objects.json", "configmap/json created"),
    row("create -f folder", ["configmap/from-folder-a created", "configmap/from-folder-b created"]),
    row("create -f -", "configmap/piped created", {
      input: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: piped}\n",
    }),
    row("create -f policy.yaml --save-config", "networkpolicy.networking.k8s.io/deny created"),
    prints("get netpol deny -o jsonpath={.spec.policyTypes}", '["Ingress"]'),
    row("expose deployment api --name other --port 80 --target-port 8080", "service/other exposed"),
    row("expose pod lonely --port 80 --type NodePort", "service/lonely exposed"),
    // Of the group autoscaling there is Scale only: nothing measures pods.
    fails("autoscale deployment api --min 1 --max 3", "could not find the requested resource"),
    row("create configmap dry --from-literal a=b --dry-run=server -o name", "configmap/dry"),
    fails("get configmap dry", "not found"),
    row("create deployment dry --image a --dry-run=client -o json", '"kind": "Deployment"'),
  ],
};
