// Who may do what, as kubectl asks and is told.

import { fails, type Group, prints, row } from "./row.ts";

export const rights: Group = {
  name: "rights",
  rows: [
    prints("auth can-i list pods", "yes"),
    prints("auth can-i '*' '*'", "yes"),
    row("auth can-i list pods --as jane", "no", { code: 1 }),
    row("auth can-i --list --as jane", "selfsubjectaccessreviews.authorization.k8s.io"),
    fails(
      "get pods --as jane",
      'Error from server (Forbidden): pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "rights"',
    ),
    row("create rolebinding jane --clusterrole view --user jane", "created"),
    prints("auth can-i list pods --as jane", "yes"),
    row("auth can-i list pods --as jane -n default", "no", { code: 1 }),
    row("get pods --as jane", "No resources found"),
    fails(
      "create configmap a --from-literal a=b --as jane",
      'configmaps is forbidden: User "jane" cannot create resource "configmaps" in API group "" in the namespace "rights"',
    ),
    fails("get secrets --as jane", 'cannot list resource "secrets"'),
    fails(
      "get nodes --as jane",
      'nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope',
    ),
    row("create rolebinding staff --clusterrole admin --group staff", "created"),
    row("create configmap a --from-literal a=b --as joe --as-group staff", "configmap/a created"),
    row(
      "create role reader --verb get --resource secrets --as joe --as-group staff",
      "role.rbac.authorization.k8s.io/reader created",
    ),
    fails("create role wide --verb '*' --resource nodes --as joe --as-group staff", [
      "is attempting to grant RBAC permissions not currently held",
      '{APIGroups:[""], Resources:["nodes"], Verbs:["*"]}',
    ]),
    fails(
      "create rolebinding all --clusterrole cluster-admin --user joe --as joe --as-group staff",
      "is attempting to grant RBAC permissions not currently held",
    ),
    row("create serviceaccount agent", "created"),
    row("create clusterrole rights-agent --verb get,list,watch --resource pods,nodes", "created"),
    row("create clusterrolebinding rights-agent --clusterrole rights-agent --serviceaccount rights:agent", "created"),
    prints("auth can-i watch nodes --as system:serviceaccount:rights:agent", "yes"),
    row("auth can-i delete nodes --as system:serviceaccount:rights:agent", "no", { code: 1 }),
    row("get nodes --as system:serviceaccount:rights:agent", "n1"),
    prints("auth can-i get /healthz --as jane", "yes"),
    row("auth can-i get /metrics --as jane", "no", { code: 1 }),
    row("auth reconcile -f -", "reconciled", {
      input:
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: reader, namespace: rights}\nrules: [{apiGroups: [''], resources: [pods], verbs: [get]}]\n",
    }),
    row("get role,rolebinding", [/role.*\/reader/, /rolebinding.*\/jane +ClusterRole\/view/]),
    fails(`patch rolebinding jane --type merge -p '{"roleRef":{"name":"edit"}}'`, "cannot change roleRef"),
    fails("get pods --kubeconfig nobody.kubeconfig", "You must be logged in to the server"),
  ],
};
