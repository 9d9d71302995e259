// Who is in the lab of services before any row: on each node a pod, one that shares the node's network, and one that is translated per packet.

import { type Made, pod } from "./row.ts";

const numbers = [1, 2, 3] as const;
const untranslated = { "twill.dev/socket-translation": "false" };

/** `a1` to `a3`, `h1` to `h3`, `u1` to `u3`, and `b1`, whose port `http` is another one. */
export const cast: readonly Made[] = [
  ...numbers.map((node) => pod(`a${node}`, { node, labels: { set: "ab" } })),
  ...numbers.map((node) => pod(`h${node}`, { node, http: 8090, spec: { hostNetwork: true } })),
  ...numbers.map((node) => pod(`u${node}`, { node, annotations: untranslated })),
  pod("b1", { node: 1, http: 8070, labels: { set: "ab" } }),
];
