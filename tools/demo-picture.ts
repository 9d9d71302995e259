// Draws the demo's wiring and its times as text of at most 98 columns.

export type Attached = {
  readonly name: string;
  readonly netns: string;
  /** As the kernel tells it, with the prefix length. */
  readonly address: string;
  readonly mac: string;
  /** The node's end of the container's veth pair. */
  readonly hostLink: string;
  readonly ports: readonly { readonly hostPort: number; readonly containerPort: number }[];
  readonly limit: string;
};

export type Wiring = {
  readonly nodeAddress: string;
  readonly bridge: { readonly name: string; readonly address: string; readonly mac: string };
  readonly containers: readonly [Attached, Attached];
};

export type Comparison = { readonly what: string; readonly referenceMs: number; readonly twillMs: number };

export type Paint = { readonly bold: (text: string) => string; readonly good: (text: string) => string };

const boxWidth = 47;
const gap = 4;
const nodeWidth = 2 * boxWidth + gap;

/** Paints with ANSI colours, or not at all. */
export function paintFor(colours: boolean): Paint {
  const sgr = (code: number) => (text: string) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text);
  return { bold: sgr(1), good: sgr(32) };
}

/** Two containers above the node that joins them. */
export function drawWiring({ nodeAddress, bridge, containers }: Wiring): string {
  const [left, right] = containers.map(drawContainer);
  const upper = (left ?? []).map((line, i) => `${line}${" ".repeat(gap)}${right?.[i] ?? ""}`);
  const [leftLink, rightLink] = containers.map(({ hostLink }) => centre(hostLink, boxWidth));
  const bridgeText = ` ${bridge.name}  ${bridge.address}  ${bridge.mac} `;
  const wires = `${centre("|", boxWidth)}${" ".repeat(gap)}${centre("|", boxWidth)}`;
  const middle = Math.floor(boxWidth / 2);
  const span = boxWidth + gap - 1;
  const bus = `${" ".repeat(middle)}+${centre(bridgeText, span, "-")}+`;
  const ports = containers.flatMap(({ name, address, ports }) =>
    ports.map(
      ({ hostPort, containerPort }) =>
        `host port ${nodeAddress}:${hostPort}  ->  ${address.split("/")[0]}:${containerPort} (${name})`,
    ),
  );
  return [
    ...upper,
    wires,
    top("node", nodeWidth),
    ...[`${leftLink}${" ".repeat(gap)}${rightLink}`, wires, bus, "", ...ports.map((port) => `  ${port}`)].map(intoNode),
    bottom(nodeWidth),
  ]
    .map((line) => line.trimEnd())
    .join("\n");
}

/** One line a row, the medians side by side and how many times faster the second is. */
export function drawTimes(rows: readonly Comparison[], paint: Paint): string {
  const nameWidth = Math.max(...rows.map(({ what }) => what.length));
  const head = `${"".padEnd(nameWidth)}  ${"reference".padStart(11)}  ${"Twill".padStart(11)}  ${"ratio".padStart(7)}`;
  const lines = rows.map(({ what, referenceMs, twillMs }) => {
    const ratio = (twillMs / referenceMs).toFixed(3).padStart(7);
    return `${what.padEnd(nameWidth)}  ${ms(referenceMs)}  ${ms(twillMs)}  ${paint.good(ratio)}`;
  });
  return [paint.bold(head), ...lines].join("\n");
}

function drawContainer({ name, netns, address, mac, limit }: Attached): string[] {
  const rows = [`eth0    ${address}  ${mac}`, `limit   ${limit}`, `netns   ${netns}`];
  return [
    top(`container ${name}`, boxWidth),
    ...rows.map((row) => `| ${row.slice(0, boxWidth - 4).padEnd(boxWidth - 4)} |`),
    bottom(boxWidth),
  ];
}

/** Replaces the first and last column, which the drawings inside leave blank, by the node's border. */
function intoNode(line: string): string {
  return `|${line.padEnd(nodeWidth).slice(1, nodeWidth - 1)}|`;
}

function top(title: string, width: number): string {
  return `+-- ${title} ${"-".repeat(width - title.length - 6)}+`;
}

function bottom(width: number): string {
  return `+${"-".repeat(width - 2)}+`;
}

function centre(text: string, width: number, fill = " "): string {
  const before = Math.floor((width - text.length) / 2);
  return text.padStart(before + text.length, fill).padEnd(width, fill);
}

function ms(value: number): string {
  return `${value.toFixed(2)} ms`.padStart(11);
}
