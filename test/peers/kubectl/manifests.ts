// The files that commands of the battery read, by name.

/** A service and a deployment; `color` is of its ConfigMap. */
function shop(color: string, image: string): string {
  return `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {app: web}}
data: {color: ${color}}
---
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
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
      containers:
      - name: web
        image: ${image}
        ports: [{name: http, containerPort: 80}]
        env: [{name: COLOR, valueFrom: {configMapKeyRef: {name: settings, key: color}}}]
`;
}

function pod(name: string, extra: { readonly labels?: string; readonly spec?: string } = {}): string {
  return `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {${extra.labels ?? "app: pod"}}}
spec:
  ${extra.spec ?? "terminationGracePeriodSeconds: 30"}
  containers: [{name: main, image: shop/main}]
`;
}

function configMap(name: string, more = "", labels = ""): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, labels: {${labels}}}\n${more}\n`;
}

function widgetDefinition(size: string): string {
  return `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, shortNames: [wd], categories: [shopware]}
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size}
    - {name: Color, type: string, priority: 1, jsonPath: .spec.color}
    subresources: {status: {}, scale: {specReplicasPath: .spec.size, statusReplicasPath: .status.size}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: integer, ${size}, description: How large it is.}
              color: {type: string, default: red, enum: [red, green]}
          status: {type: object, properties: {size: {type: integer}}}
`;
}

function widget(name: string, spec: string): string {
  return `apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: ${name}}\nspec: {${spec}}\n`;
}

export const manifests: Readonly<Record<string, string>> = {
  "shop.yaml": shop("red", "shop/web:1"),
  "shop-2.yaml": shop("blue", "shop/web:2"),
  "one.yaml": configMap("one", "data: {a: b}", "set: pruned"),
  "two.yaml": configMap("two", "data: {a: b}", "set: pruned"),
  "server-a.yaml": configMap("shared", "data: {color: red, size: small}"),
  "server-b.yaml": configMap("shared", "data: {color: blue}"),
  "pod.yaml": pod("single"),
  "pod-changed.yaml": pod("single", { spec: "hostNetwork: true" }),
  "forced.yaml": pod("forced"),
  "bare.yaml": pod("bare", { spec: "nodeName: spare" }),
  "policy.yaml":
    "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny}\nspec: {podSelector: {}}\n",
  "generated.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: gen-}\n",
  "kept.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, finalizers: [example.com/keep]}\n",
  "list.yaml": `apiVersion: v1\nkind: List\nitems:\n- ${configMap("first").trim().replaceAll("\n", "\n  ")}\n- ${configMap("second").trim().replaceAll("\n", "\n  ")}\n`,
  "objects.json": JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "json" }, data: { a: "b" } }),
  "stateful.yaml": `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: shop/db}]}
`,
  "daemon.yaml": `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: agent, image: shop/agent}]}
`,
  "widgets.yaml": widgetDefinition("minimum: 1"),
  "widget.yaml": widget("small", "size: 3"),
  "widget-grown.yaml": widget("small", "size: 4, color: green"),
  "widget-none.yaml": widget("none", "size: 0"),
  "widget-text.yaml": widget("text", "size: large"),
  "widget-color.yaml": widget("blue", "size: 1, color: blue"),
  "widget-empty.yaml": widget("empty", "color: red"),
  "typo.yaml": configMap("typo", "dta: {a: b}"),
  "twice.yaml": configMap("twice", "data: {a: b}\ndata: {c: d}"),
  "badname.yaml": configMap("Bad_Name"),
  "badtype.yaml": configMap("badtype", "data: {a: 1}"),
  "nokind.yaml": "apiVersion: v1\nmetadata: {name: a}\n",
  "unknown.yaml": "apiVersion: example.org/v1\nkind: Gadget\nmetadata: {name: a}\n",
  "broken.yaml": "apiVersion: v1\nkind: [\n",
  "elsewhere.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: elsewhere}\n",
  "badservice.yaml":
    "apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {ports: [{port: 70000}], clusterIP: 192.0.2.1}\n",
  "badpolicy.yaml":
    "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: bad}\nspec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0}}]}]}\n",
  "noselector.yaml": `
apiVersion: apps/v1
kind: Deployment
metadata: {name: bad}
spec:
  selector: {matchLabels: {app: a}}
  template: {metadata: {labels: {app: b}}, spec: {containers: [{name: a, image: b}]}}
`,
  "over/kustomization.yaml": "bases: [../base]\nnamePrefix: my-\nimages: [{name: shop/web, newTag: '9'}]\n",
  "base/kustomization.yaml": "resources: [shop.yaml]\n",
  "base/shop.yaml": shop("red", "shop/web:1"),
  "folder/a.yaml": configMap("from-folder-a"),
  "folder/b.yaml": configMap("from-folder-b"),
  "patch.yaml": "spec: {template: {spec: {containers: [{name: web, image: 'shop/web:patched'}]}}}\n",
  "settings.env": "A=1\nB=2\n",
};
