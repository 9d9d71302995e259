// Commands in a whole lab: pods that run, talk, move when their node is drained, and ask the API server as themselves.

import { fails, type Group, prints, row } from "./row.ts";

const account = "/var/run/secrets/kubernetes.io/serviceaccount";
/** Asks the API server from inside of a pod, with the token and the authority that the pod finds in its files. */
function asked(path: string): string {
  const token = `-H "Authorization: Bearer $(cat ${account}/token)"`;
  return `exec agent -- sh -c 'curl -sS -m 10 --cacert ${account}/ca.crt ${token} https://kubernetes.default.svc${path}'`;
}

/** An agent as our own will be: an account with a ClusterRole, and a pod that is it. */
function agent(namespace: string): string {
  return `
apiVersion: v1
kind: ServiceAccount
metadata: {name: agent}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: ${namespace}-agent}
rules:
- {apiGroups: [""], resources: [pods, nodes, services], verbs: [get, list, watch]}
- {apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: ${namespace}-agent}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ${namespace}-agent}
subjects: [{kind: ServiceAccount, name: agent, namespace: ${namespace}}]
---
apiVersion: v1
kind: Pod
metadata: {name: agent}
spec:
  serviceAccountName: agent
  nodeName: node1
  terminationGracePeriodSeconds: 1
  containers: [{name: agent, image: lab/shell, command: [sleep, infinity]}]
`;
}

const web = `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: shop/web:1
        ports: [{containerPort: 8080}]
        readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
`;

/** Two kubectls may do this in one lab at once, but for the last rows: one node is drained at a time. */
export function inLab(namespace: string): Group {
  return {
    name: namespace,
    rows: [
      row(`create namespace ${namespace}`, "created"),
      row("apply -f -", "deployment.apps/web created", { input: web }),
      row("apply -f -", "pod/agent created", { input: agent(namespace) }),
      row("apply -f -", ["service/web unchanged", "deployment.apps/web unchanged"], { input: web }),
      row("rollout status deployment/web --timeout 30s", 'deployment "web" successfully rolled out'),
      row("wait --for condition=Ready pod --all --timeout 30s", "pod/agent condition met"),
      row("get pods -l app=web -o wide", [/1\/1 +Running +0 .* 10\.244\.\d\.\d+ +node1/, / 10\.244\.\d\.\d+ +node2/]),
      row("describe pod agent", [/Scheduled|Started/, /^Node: +node1\/172\.30\.0\.11$/m, /^Status: +Running$/m]),
      row("describe pod -l app=web", [/Readiness: +http-get http:\/\/:8080\//, /Ready +True/]),
      row("get events", /Started|Created/, { eventually: true }),
      row("logs deployment/web", ""),
      row("exec agent -- curl -sS -m 10 http://web/", /"pod" *: *"web-/, { eventually: true }),
      row(`exec agent -- curl -sS -m 10 http://web.${namespace}.svc.cluster.local/`, '"client"'),
      row("exec deployment/web -- sh -c 'exit 3'", "exit code 3", { code: 3 }),
      row(asked(`/api/v1/namespaces/${namespace}/pods`), ['"kind":"PodList"', '"name":"agent"']),
      row(asked("/apis/networking.k8s.io/v1/networkpolicies"), '"kind":"NetworkPolicyList"'),
      row(asked(`/api/v1/namespaces/${namespace}/secrets`), [
        '"code":403',
        `secrets is forbidden: User \\"system:serviceaccount:${namespace}:agent\\" cannot list resource \\"secrets\\"`,
      ]),
      prints(`auth can-i list nodes --as system:serviceaccount:${namespace}:agent`, "yes"),
      row(`auth can-i delete pods --as system:serviceaccount:${namespace}:agent`, "no", { code: 1 }),
      row("set image deployment/web web=shop/web:2", "image updated"),
      row("rollout status deployment/web --timeout 30s", "successfully rolled out"),
      row("rollout undo deployment/web", "rolled back"),
      row("rollout status deployment/web --timeout 30s", "successfully rolled out"),
      row("get endpoints web", /10\.244\.\d\.\d+:8080,10\.244\.\d\.\d+:8080/, { eventually: true }),
      row("describe node node2", [/^ +Ready +True/m, /PodCIDR: +10\.244\.\d\.0\/24/, new RegExp(`${namespace} +web-`)]),
      row(
        "drain node2 --ignore-daemonsets --delete-emptydir-data --force --timeout 30s",
        /node\/node2 (drained|evicted)/,
        {
          old: {
            before: 21,
            run: "drain node2 --ignore-daemonsets --delete-local-data --force --timeout 30s",
            says: /node\/node2 (drained|evicted)/,
            why: "the flag has another name since 1.20.3",
          },
        },
      ),
      row("get node node2", "Ready,SchedulingDisabled"),
      row("rollout status deployment/web --timeout 30s", "successfully rolled out"),
      prints("get pods --field-selector spec.nodeName=node2 -o name", "", { eventually: true }),
      row("uncordon node2", "node/node2 uncordoned"),
      row("delete pod agent", 'pod "agent" deleted'),
      fails("get pod agent", "not found"),
      row("delete deployment web --wait=true", 'deployment.apps "web" deleted'),
      prints("get pods -o name", "", { eventually: true }),
      fails("top nodes", "Metrics API not available"),
      row(`delete namespace ${namespace}`, `namespace "${namespace}" deleted`),
    ],
  };
}
