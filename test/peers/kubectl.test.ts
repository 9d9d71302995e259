// Real kubectls against the API server: a battery of commands, each with its exit code and what it must print.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { formatKubeconfig } from "#kube/kubeconfig.ts";
import { HttpFront } from "#lab/apiserver/http.ts";
import { type KeyPair, makeCertificate } from "#lab/apiserver/pki/certificate.ts";
import { podNamed, shopPods, TestApi } from "#test/lab/api.ts";
import { Kubectl, kubectlVersions } from "./kubectl.ts";

const dayMs = 86_400_000;
const random = (bytes: Uint8Array) => crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>);
const subject = { commonName: "battery" };

function certificate(name: string, use: "server" | "client", authority: KeyPair): KeyPair {
  return makeCertificate({
    ...{ subject: { commonName: name, organizations: ["system:masters"] }, use, random },
    ...{ notBeforeMs: Date.now() - dayMs, notAfterMs: Date.now() + dayMs, addresses: [Uint8Array.of(127, 0, 0, 1)] },
    issuer: { subject, key: authority.key },
  });
}

/** A server of its own for each kubectl. */
async function serve(stack: AsyncDisposableStack): Promise<{ readonly api: TestApi; readonly kubeconfig: string }> {
  const period = { notBeforeMs: Date.now() - dayMs, notAfterMs: Date.now() + dayMs };
  const authority = makeCertificate({ subject, use: "authority", random, ...period });
  const server = certificate("server", "server", authority);
  const admin = certificate("admin", "client", authority);
  const api = stack.use(new TestApi());
  api.nowMs = Date.now();
  const front = stack.use(new HttpFront({ api: api.server, tls: { ...server, authority: authority.certificate } }));
  const port = await front.listen("127.0.0.1", 0);
  const kubeconfig = formatKubeconfig("battery", {
    server: `https://127.0.0.1:${port}`,
    certificateAuthority: authority.certificate,
    clientCertificate: admin.certificate,
    clientKey: admin.key,
  });
  return { api, kubeconfig };
}

const files: Readonly<Record<string, string>> = {
  "web.yaml": `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {color: red}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "shop/web:1", ports: [{containerPort: 80}]}]
`,
  "typo.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: typo}\ndta: {a: b}\n",
  "badname.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Bad_Name}\n",
  "unknown.yaml": "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: a}\n",
  "policy.yaml": `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {}}
`,
  "crd.yaml": `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.size}]
    subresources: {status: {}, scale: {specReplicasPath: .spec.size, statusReplicasPath: .status.size}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {size: {type: integer, minimum: 1, description: How large it is.}}}
          status: {type: object, properties: {size: {type: integer}}}
`,
  "widget.yaml": "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: small}\nspec: {size: 3}\n",
  "badwidget.yaml": "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: none}\nspec: {size: 0}\n",
};

type Row = {
  readonly run: string;
  /** Of the exit; 0 unless told. */
  readonly code?: number;
  /** What the output, or the error, must contain. */
  readonly says: string | RegExp;
  /** Older kubectls have no such command or flag. */
  readonly since?: number;
};

function row(run: string, says: string | RegExp, rest: Omit<Row, "run" | "says"> = {}): Row {
  return { run, says, ...rest };
}

const fails = { code: 1 };

const battery: readonly Row[] = [
  row("version", "Server Version"),
  row("cluster-info", "https://127.0.0.1"),
  row("api-versions", "networking.k8s.io/v1"),
  row("api-resources --namespaced=false -o name", "customresourcedefinitions.apiextensions.k8s.io"),
  row("get --raw /healthz", "ok"),
  row("get --raw /nothing", "could not find the requested resource", fails),
  row("get namespaces", "shop"),
  row("get pods -n kube-system", "No resources found"),
  row("get pods -A -o json", '"kind": "List"'),
  row("get nonsense", 'the server doesn\'t have a resource type "nonsense"', fails),
  row("get pod nowhere", 'pods "nowhere" not found', fails),
  row("get pod nowhere --ignore-not-found", /^$/),
  row("create namespace test", "namespace/test created"),
  row("create namespace test", 'namespaces "test" already exists', fails),
  row("get ns test -o jsonpath={.status.phase}", "Active"),
  row("create configmap plain --from-literal a=b", "configmap/plain created"),
  row("create secret generic hidden --from-literal p=q", "secret/hidden created"),
  row("create serviceaccount bob", "serviceaccount/bob created"),
  row("create deployment api --image shop/api --replicas 1", "deployment.apps/api created", { since: 27 }),
  row("create role reader --verb get,list --resource pods", "role.rbac.authorization.k8s.io/reader created"),
  row(
    "create rolebinding bob --role reader --serviceaccount shop:bob",
    "rolebinding.rbac.authorization.k8s.io/bob created",
  ),
  row("create quota small --hard pods=5", "resourcequota/small created"),
  row("create service clusterip plain --tcp 80", "service/plain created"),
  row("create job once --image shop/job", "job.batch/once created"),
  row("create poddisruptionbudget web --selector app=web --min-available 1", "web created", { since: 27 }),
  row("create token bob", /^ey/, { since: 27 }),
  row("auth can-i list pods", "yes"),
  row("auth can-i list pods --as jane", "yes"),
  row("auth whoami", "admin", { since: 28 }),
  row("apply -f web.yaml", "deployment.apps/web created"),
  row("apply -f web.yaml", "deployment.apps/web unchanged"),
  row("apply -f web.yaml", "service/web unchanged"),
  row("diff -f web.yaml", /^$/, { since: 27 }),
  row("set image deployment/web web=shop/web:2", "image updated"),
  row("diff -f web.yaml", /image: shop\/web:1/, { code: 1, since: 27 }),
  row("apply -f web.yaml", "deployment.apps/web configured"),
  row("apply -f web.yaml --dry-run=server", "(server dry run)", { since: 27 }),
  row("apply -f web.yaml --dry-run=client", "(dry run)"),
  row("get deployment web -o jsonpath={.spec.template.spec.containers[0].image}", "shop/web:1"),
  row("get deployment web -o jsonpath={.metadata.generation}", "3"),
  row("get deploy,svc,cm -o name", "deployment.apps/web"),
  row("get deployment web", /READY +UP-TO-DATE +AVAILABLE +AGE/),
  row("get all", "service/web"),
  row("get service web -o jsonpath={.spec.clusterIP}", /^10\.96\./),
  row("get pods -l app=none", "No resources found"),
  row("get deploy --sort-by .metadata.name", "web"),
  row("get deploy -o custom-columns=N:.metadata.name", "web"),
  row("get deploy web --show-labels", "app=web"),
  row("get deploy web -o wide", "shop/web:1"),
  row("get deploy web -o yaml", "kind: Deployment"),
  row("describe deployment web", /Replicas: +2 desired/),
  row("describe service web", /IP: +10\.96\./),
  row("describe configmap settings", "color"),
  row("describe namespace test", /Status: +Active/),
  row("explain deployment.spec.replicas", "replicas", { since: 27 }),
  row("explain pod.spec.colour", "colour", { code: 1, since: 27 }),
  row("scale deployment web --replicas 4", "scaled"),
  row("scale deployment web --current-replicas 9 --replicas 1", "Expected replicas to be 9", fails),
  row("get deployment web -o jsonpath={.spec.replicas}", "4"),
  row("label deployment web tier=front", "labeled"),
  row("label deployment web tier=back", "already has a value", fails),
  row("label deployment web tier=back --overwrite", "labeled"),
  row("label deployment web tier-", "deployment.apps/web"),
  row("annotate deployment web note=hello", "annotate"),
  row('patch deployment web -p {"spec":{"replicas":5}}', "patched"),
  row('patch deployment web -p {"spec":{"replicas":5}}', "no change"),
  row('patch deployment web --type merge -p {"spec":{"paused":true}}', "patched"),
  row('patch deployment web --type json -p [{"op":"remove","path":"/spec/paused"}]', "patched"),
  row('patch deployment web --type json -p [{"op":"remove","path":"/spec/nothing"}]', "", fails),
  row('patch deployment web -p {"spec":{"replicas":-1}}', "spec.replicas", fails),
  row("set env deployment/web A=B", "env updated"),
  row("set resources deployment web --limits cpu=200m", "resource requirements updated"),
  row("rollout pause deployment web", "paused"),
  row("rollout resume deployment web", "resumed"),
  row("rollout restart deployment web", "restarted"),
  row("rollout history deployment web", "deployment.apps/web"),
  row("expose deployment web --name other --port 8080", "service/other exposed"),
  row("apply --server-side -f web.yaml --field-manager one", "", fails),
  row("apply --server-side -f web.yaml --field-manager one --force-conflicts", "serverside-applied"),
  row("apply --server-side -f web.yaml --field-manager one", "serverside-applied"),
  row("get cm settings --show-managed-fields -o yaml", "manager: one", { since: 27 }),
  row("replace -f policy.yaml", "not found", fails),
  row("create -f policy.yaml", "networkpolicy.networking.k8s.io/deny created"),
  row("replace -f policy.yaml", "networkpolicy.networking.k8s.io/deny replaced"),
  row("replace --force -f policy.yaml", "replaced"),
  row("get netpol", /deny +<none>/),
  row("get netpol deny -o jsonpath={.spec.policyTypes}", "Ingress"),
  row("apply -f typo.yaml", "dta", { code: 1, since: 27 }),
  row("apply -f typo.yaml --validate=false", "configmap/typo created"),
  row("apply -f badname.yaml", "a lowercase RFC 1123 subdomain must consist of", fails),
  row("apply -f unknown.yaml", 'no matches for kind "Gadget"', fails),
  row("apply -f crd.yaml", "widgets.example.com created"),
  row("wait --for condition=established crd/widgets.example.com --timeout 5s", "condition met"),
  row("apply -f widget.yaml", "widget.example.com/small created"),
  row("apply -f widget.yaml", "widget.example.com/small unchanged"),
  row("apply -f badwidget.yaml", "spec.size", fails),
  row("get wd", /NAME +SIZE\nsmall +3/),
  row("scale wd small --replicas 7", "scaled"),
  row('patch wd small --type merge -p {"metadata":{"labels":{"a":"b"}}}', "patched"),
  row("explain widget.spec.size", "How large it is", { since: 27 }),
  row("run lonely --image shop/lonely", "pod/lonely created"),
  row("get pod lonely", /lonely +0\/1 +Pending/),
  row("wait --for condition=Ready pod/lonely --timeout 1s", "timed out waiting", fails),
  row("wait --for jsonpath={.status.phase}=Running pod/running --timeout 5s", "condition met", { since: 27 }),
  row("wait --for condition=Ready pod/running --timeout 5s", "condition met"),
  row("get pods --field-selector status.phase=Running -o name", "pod/running"),
  row("get pods --field-selector spec.nodeName=n1 -o name", "pod/running"),
  row("get pods --field-selector spec.color=red", "field label not supported", fails),
  row("get pods --chunk-size 1", "lonely"),
  row("describe pod running", /Node: +n1/),
  row("logs running", "", fails),
  row("get events", ""),
  row("describe node n1", /Taints: +/),
  row("cordon n1", "cordoned"),
  row("uncordon n1", "uncordoned"),
  row("taint node n1 a=b:NoSchedule", "tainted"),
  row("drain n1 --force --grace-period 0 --ignore-daemonsets --timeout 10s", /node\/n1 (drained|evicted)/),
  row("get pods -o name", "pod/lonely"),
  row("delete pod lonely", 'pod "lonely" deleted'),
  row("delete pod lonely", "not found", fails),
  row("delete pod lonely --ignore-not-found", /^$/),
  row("delete -f web.yaml", 'deployment.apps "web" deleted'),
  row("delete cm --all", "deleted"),
  row("delete deployment,svc -l app=none", "No resources found"),
  row("delete crd widgets.example.com", "deleted"),
  row("get wd", "could not find the requested resource", fails),
  row("delete namespace test --wait=false", 'namespace "test" deleted'),
  row("get ns test -o jsonpath={.status.phase}", "Terminating"),
  row("create configmap late -n test --from-literal a=b", "being terminated", fails),
];

function matches(output: string, says: string | RegExp): boolean {
  return typeof says === "string" ? output.includes(says) : says.test(output);
}

const versions = kubectlVersions();
// All of them take a minute: the oldest and the newest see what the others see.
const tried =
  process.env["TWILL_LONG"] === "1" ? versions : versions.filter((_, i) => i === 0 || i === versions.length - 1);

for (const version of tried) {
  describe(`kubectl 1.${version.minor}`, () => {
    const stack = new AsyncDisposableStack();
    let kubectl: Kubectl | undefined;

    beforeAll(async () => {
      const { api, kubeconfig } = await serve(stack);
      kubectl = stack.use(new Kubectl(version, kubeconfig));
      for (const [name, text] of Object.entries(files)) kubectl.file(name, text);
      await api.send("POST /api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
      await api.send("POST /api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name: "n1" } });
      await api.send(`POST ${shopPods}`, podNamed("running", { spec: { nodeName: "n1" } }));
      const conditions = [{ type: "Ready", status: "True" }];
      await api.patch(`${shopPods}/running/status`, "merge", { status: { phase: "Running", conditions } });
    });
    afterAll(async () => await stack.disposeAsync());

    for (const { run, code = 0, says, since = 0 } of battery) {
      if (since > version.minor) continue;
      test(`${run} ${code === 0 ? "works" : `ends with ${code}`}`, async () => {
        const result = await kubectl?.run(["--namespace", "shop", ...run.split(" ")]);
        expect(result?.exitCode, result?.stderr).toBe(code);
        const output = `${result?.stdout}${code === 0 && result?.stdout !== "" ? "" : result?.stderr}`;
        expect(matches(output, says) ? "" : output).toBe("");
      });
    }
  });
}
