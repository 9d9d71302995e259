// Draws a lab's nodes with their pods, and the switch that joins them.

import { maxWidth } from "./transcript.ts";

export type DrawnNode = {
  readonly name: string;
  readonly address: string;
  readonly pods: readonly { readonly name: string; readonly address: string }[];
};

const boxWidth = 30;
const gap = "    ";
const perRow = Math.floor((maxWidth + gap.length) / (boxWidth + gap.length));
/** What hangs below the switch. */
const stations = ["control 172.30.0.2", "internet 203.0.113.10", "client 198.51.100.10"];

/** Three nodes fill a line; more of them take more rows above the switch. */
export function drawLab(nodes: readonly DrawnNode[]): string {
  const rows = Array.from({ length: Math.ceil(nodes.length / perRow) }, (_, row) =>
    nodes.slice(row * perRow, (row + 1) * perRow),
  );
  return [...rows.flatMap(drawRow), drawSwitch(), placed(stations.map(() => "|")), placed(stations)].join("\n");
}

function drawRow(nodes: readonly DrawnNode[]): readonly string[] {
  const height = Math.max(...nodes.map(({ pods }) => pods.length));
  const boxes = nodes.map((node) => drawNode(node, height));
  const lines = boxes[0]?.map((_, line) => boxes.map((box) => box[line]).join(gap)) ?? [];
  return [...lines, placed(nodes.map(() => "|"))];
}

function drawNode({ name, address, pods }: DrawnNode, height: number): readonly string[] {
  const title = `${name}  ${address}`;
  const inner = boxWidth - 4;
  const rows = Array.from({ length: height }, (_, i) => {
    const pod = pods[i];
    if (pod === undefined) return "";
    const room = inner - pod.address.length - 1;
    return `${pod.name.slice(0, room).padEnd(room)} ${pod.address}`;
  });
  return [
    `+- ${title} ${"-".repeat(boxWidth - title.length - 5)}+`,
    ...rows.map((row) => `| ${row.padEnd(inner)} |`),
    `+${"-".repeat(boxWidth - 2)}+`,
  ];
}

function middleOf(index: number): number {
  return index * (boxWidth + gap.length) + Math.floor(boxWidth / 2);
}

function drawSwitch(): string {
  const middles = stations.map((_, i) => middleOf(i));
  const line = Array.from({ length: maxWidth }, (_, i) => (middles.includes(i) ? "+" : "-")).join("");
  const name = " switch ";
  const at = Math.floor(((middles[0] ?? 0) + (middles[1] ?? 0) - name.length) / 2);
  return `${line.slice(0, at)}${name}${line.slice(at + name.length)}`;
}

/** Texts in one line, each in the middle of a column. */
function placed(texts: readonly string[]): string {
  return texts.reduce((line, text, i) => `${line.padEnd(middleOf(i) - Math.floor(text.length / 2))}${text}`, "");
}
