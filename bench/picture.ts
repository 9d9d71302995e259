// Draws docs/pictures/ from bench/results/: `bun bench/picture.ts`, after the benchmarks.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type Bars, type Chart, drawBars } from "./svg.ts";

/** Rows of the benchmarks: those in milliseconds have a reference, those in microseconds another way. */
type Row = {
  readonly what: string;
  readonly twillMs?: number;
  readonly referenceMs?: number;
  readonly twillUs?: number;
  readonly otherUs?: number;
  readonly ratio: number;
};

type Wanted = {
  readonly label: string;
  readonly beside: string;
  /** bench/results/FILE.json */
  readonly file: string;
  /** How the row's `what` begins. */
  readonly what: string;
};

const charts: Readonly<Record<string, { readonly title: string; readonly rows: readonly Wanted[] }>> = {
  latency: {
    title: "Latency: medians, shorter is faster",
    rows: [
      row("Messages, two pods of one node", "a bare veth pair", "path", "same node, against a bare"),
      row("Messages, two nodes, direct", "kernel routing", "path", "two nodes direct"),
      row("Messages, two nodes, overlay", "a hand-made vxlan", "path", "two nodes vxlan"),
      row(
        "Messages, under 2,000 policies",
        "chains of nftables",
        "policy",
        "messages with 2,000 policies, against chains",
      ),
      row("Connections, by ClusterIP", "straight to the pod", "services", "connect, ask, close by ClusterIP"),
      row(
        "Connections, 30,000 services",
        "kube-proxy's nftables",
        "services",
        "with 30,000 services, against kube-proxy",
      ),
      row("Messages, node port, pod elsewhere", "nftables", "services", "messages by a node's port"),
    ],
  },
  plugins: {
    title: "CNI calls: medians, shorter is faster",
    rows: [
      row("bridge + host-local, ADD", "the reference plugins", "cni", "bridge + host-local ADD"),
      row("bridge + host-local, DEL", "the reference plugins", "cni", "bridge + host-local DEL"),
      row("host-local ADD, 5,000 taken", "the reference plugin", "cni", "host-local ADD, 5000 taken"),
      row("bridge + portmap + bandwidth, ADD", "the reference plugins", "cni", "bridge + portmap (2)"),
      row("type twill, ADD, both families", "bridge + host-local", "agent", "type twill ADD"),
      row("type twill, DEL, both families", "bridge + host-local", "agent", "type twill DEL"),
    ],
  },
};

function row(label: string, beside: string, file: string, what: string): Wanted {
  return { label, beside, file, what };
}

function readBars({ label, beside, file, what }: Wanted): Bars {
  const text = readFileSync(new URL(`results/${file}.json`, import.meta.url), "utf8");
  const { rows } = JSON.parse(text) as { readonly rows: readonly Row[] };
  const found = rows.find((each) => each.what.startsWith(what));
  if (found === undefined) throw new Error(`bench/results/${file}.json has no row "${what}": run its benchmark again`);
  const { twillMs, referenceMs, twillUs, otherUs, ratio } = found;
  if (twillMs !== undefined && referenceMs !== undefined) {
    return { label, beside, twill: twillMs, other: referenceMs, ratio, unit: "ms" };
  }
  if (twillUs === undefined || otherUs === undefined) throw new Error(`Row "${what}" of ${file}.json compares nothing`);
  return { label, beside, twill: twillUs, other: otherUs, ratio, unit: "µs" };
}

const note =
  "Twill above, what it stands beside below; each line has its own scale. bench/README.md tells how they were measured.";
const folder = new URL("../docs/pictures/", import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, { title, rows }] of Object.entries(charts)) {
  const chart: Chart = { title, note, bars: rows.map(readBars) };
  writeFileSync(new URL(`${name}.svg`, folder), drawBars(chart));
}
