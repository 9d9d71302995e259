// A small cluster as manifests, for commands that look at files: what a cluster tells of pods, nodes and services.

/** As a cluster tells it: pods with addresses, some not ready, on their node's network, ended, or of one family. */
export const openCluster = `
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Node, metadata: {name: node1}, status: {addresses: [{type: InternalIP, address: 172.30.0.11}]}}
  - {apiVersion: v1, kind: Node, metadata: {name: node2}, status: {addresses: [{type: InternalIP, address: 172.30.0.12}]}}
  - apiVersion: v1
    kind: Pod
    metadata: {namespace: a, name: client}
    spec: {nodeName: node1, containers: [{name: c}]}
    status: {phase: Running, podIPs: [{ip: 10.244.1.2}, {ip: "fd00::12"}]}
${["1 10.244.1.3 fd00::13 True", "2 10.244.2.4 fd00::24 True", "3 10.244.2.5 fd00::25 False"]
  .map((row) => {
    const [number, v4, v6, ready] = row.split(" ");
    return `  - apiVersion: v1
    kind: Pod
    metadata:
      namespace: a
      name: web-${number}
      labels: {app: web, pod-template-hash: abc}
      ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-abc, uid: "1", controller: true}]
    spec: {nodeName: node2, containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
    status: {phase: Running, podIPs: [{ip: ${v4}}, {ip: "${v6}"}], conditions: [{type: Ready, status: "${ready}"}]}`;
  })
  .join("\n")}
  - apiVersion: v1
    kind: Pod
    metadata: {namespace: a, name: agent}
    spec: {nodeName: node2, hostNetwork: true, containers: [{name: c}]}
    status: {phase: Running, podIP: 172.30.0.12}
  - apiVersion: v1
    kind: Pod
    metadata: {namespace: a, name: done}
    spec: {nodeName: node2, containers: [{name: c}]}
    status: {phase: Succeeded, podIP: 10.244.2.9}
  - apiVersion: v1
    kind: Pod
    metadata: {namespace: a, name: four}
    spec: {nodeName: node2, containers: [{name: c}]}
    status: {phase: Running, podIP: 10.244.2.10}
  - apiVersion: v1
    kind: Pod
    metadata: {namespace: a, name: six}
    spec: {nodeName: node2, containers: [{name: c}]}
    status: {phase: Running, podIP: "fd00::26"}
  - apiVersion: v1
    kind: Service
    metadata: {namespace: a, name: web}
    spec:
      {type: NodePort, clusterIP: 10.96.0.9, externalIPs: [203.0.113.80], selector: {app: web}, ports: [{name: http, port: 80, targetPort: http, nodePort: 30080}]}
  - apiVersion: v1
    kind: Pod
    metadata: {namespace: a, name: door}
    spec:
      nodeName: node2
      containers:
        - name: c
          ports: [{containerPort: 8080, hostPort: 9080}, {name: dns, containerPort: 53, protocol: UDP, hostPort: 9053, hostIP: 172.30.0.12}]
    status: {phase: Running, podIP: 10.244.2.11}
  - apiVersion: v1
    kind: Service
    metadata: {namespace: a, name: near}
    spec:
      {type: NodePort, clusterIP: 10.96.0.11, externalTrafficPolicy: Local, selector: {app: web}, ports: [{port: 80, targetPort: http, nodePort: 30081}]}
  - {apiVersion: v1, kind: Service, metadata: {namespace: a, name: empty}, spec: {clusterIP: 10.96.0.10, selector: {app: none}, ports: [{port: 80}]}}
  - {apiVersion: v1, kind: Service, metadata: {namespace: a, name: api}, spec: {clusterIP: 10.96.0.1, ports: [{port: 443}]}}
  - apiVersion: v1
    kind: Service
    metadata: {namespace: a, name: dns, labels: {service.kubernetes.io/service-proxy-name: node-dns}}
    spec: {clusterIP: 10.96.0.12, ports: [{port: 53, protocol: UDP}]}
  - apiVersion: discovery.k8s.io/v1
    kind: EndpointSlice
    metadata: {namespace: a, name: api-1, labels: {kubernetes.io/service-name: api}}
    addressType: IPv4
    endpoints: [{addresses: [172.30.0.2]}]
    ports: [{port: 6443}]
`;

/** The same, where web is reached over IPv4 and TCP only. */
export const cluster = `${openCluster}  - apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {namespace: a, name: four}
    spec:
      podSelector: {matchLabels: {app: web}}
      policyTypes: [Ingress]
      ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 8080}]}]
`;
