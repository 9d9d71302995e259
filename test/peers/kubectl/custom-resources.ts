// CustomResourceDefinitions and what is made of them.

import { fails, type Group, prints, row } from "./row.ts";

export const customResources: Group = {
  name: "custom-resources",
  rows: [
    fails("get widgets", 'the server doesn\'t have a resource type "widgets"'),
    row("apply -f widgets.yaml", "customresourcedefinition.apiextensions.k8s.io/widgets.example.com created"),
    row("apply -f widgets.yaml", "unchanged"),
    row("wait --for condition=established crd/widgets.example.com --timeout 5s", "condition met"),
    row("get crd", "widgets.example.com"),
    row("describe crd widgets.example.com", /Plural: +widgets/),
    row("api-resources --api-group example.com", /widgets +wd +example.com\/v1 +true +Widget/),
    row("apply -f widget.yaml", "widget.example.com/small created"),
    row("apply -f widget.yaml", "widget.example.com/small unchanged"),
    row("get wd", [/^NAME +SIZE$/m, /^small +3$/m]),
    row("get wd -o wide", [/^NAME +SIZE +COLOR$/m, /^small +3 +red$/m]),
    row("get shopware", "small"),
    prints("get widgets.v1.example.com small -o jsonpath={.spec}", '{"color":"red","size":3}'),
    row("diff -f widget-grown.yaml", /^\+ +size: 4$/m, { code: 1 }),
    row("apply -f widget-grown.yaml", "configured"),
    row(
      "apply --server-side -f widget.yaml --field-manager x --force-conflicts",
      "widget.example.com/small serverside-applied",
    ),
    fails("apply -f widget-none.yaml", [
      'The Widget "none" is invalid',
      "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1",
    ]),
    fails("create -f widget-text.yaml --validate=false", ["is invalid", "spec.size", "must be of type integer"]),
    fails("create -f widget-color.yaml", ['spec.color: Unsupported value: "blue": supported values: "red", "green"']),
    fails("create -f widget-empty.yaml --validate=false", "spec.size: Required value"),
    row("scale wd small --replicas 7", "widget.example.com/small scaled"),
    row(`patch wd small --type merge -p '{"metadata":{"labels":{"a":"b"}}}'`, "patched"),
    fails(
      `patch wd small -p '{"spec":{"size":1}}'`,
      /UnsupportedMediaType|strategic-merge-patch\+json is not supported/,
    ),
    row("label wd small c=d", "widget.example.com/small labeled"),
    row("explain widget.spec.size", "How large it is"),
    row("describe wd small", [/^Name: +small$/m, /Size: +7/]),
    row("get wd -w --output-watch-events --request-timeout 3s", [/ADDED +small/, /MODIFIED +small/], {
      meanwhile: "label wd small e=f",
    }),
    row("edit wd small", "edited", { env: { KUBE_EDITOR: "sed -i 's/size: 7/size: 8/'" } }),
    prints("get wd small -o jsonpath={.spec.size}", "8"),
    row("delete wd small", 'widget.example.com "small" deleted'),
    row("apply -f widget.yaml", "created"),
    row(
      "delete crd widgets.example.com",
      'customresourcedefinition.apiextensions.k8s.io "widgets.example.com" deleted',
    ),
    fails("get wd small", /doesn't have a resource type|could not find the requested resource/),
  ],
};
