// The picture of a lab, as text.
import { expect, test } from "bun:test";
import { drawLab } from "./lab-picture.ts";
import { maxWidth } from "./transcript.ts";

const node = (number: number, pods: readonly string[]) => ({
  name: `node${number}`,
  address: `172.30.0.${10 + number}`,
  pods: pods.map((name, i) => ({ name, address: `10.244.${number}.${i + 2}` })),
});

test("three nodes stand beside each other above the switch", () => {
  const nodes = [node(1, ["backend-x2", "frontend-x1"]), node(2, ["a-name-that-is-longer-than-its-box"]), node(3, [])];
  expect(`\n${drawLab(nodes)}\n`).toBe(`
+- node1  172.30.0.11 -------+    +- node2  172.30.0.12 -------+    +- node3  172.30.0.13 -------+
| backend-x2      10.244.1.2 |    | a-name-that-is- 10.244.2.2 |    |                            |
| frontend-x1     10.244.1.3 |    |                            |    |                            |
+----------------------------+    +----------------------------+    +----------------------------+
               |                                 |                                 |
---------------+------------ switch -------------+---------------------------------+--------------
               |                                 |                                 |
      control 172.30.0.2               internet 203.0.113.10             client 198.51.100.10
`);
});

test("more nodes take more rows, and no line is too long", () => {
  const lines = drawLab([1, 2, 3, 4, 5].map((number) => node(number, ["a"]))).split("\n");
  expect(lines.filter((line) => line.includes("+- node")).length).toBe(2);
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(maxWidth);
});
