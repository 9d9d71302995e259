// Bars of two sides, one comparison a line, as an SVG that reads on light and dark pages.

export type Bars = {
  readonly label: string;
  /** Whom Twill stands beside. */
  readonly beside: string;
  readonly twill: number;
  readonly other: number;
  readonly ratio: number;
  /** `µs` */
  readonly unit: string;
};

export type Chart = { readonly title: string; readonly note: string; readonly bars: readonly Bars[] };

const width = 760;
const margin = 16;
const top = 64;
const rowHeight = 46;
const labelWidth = 300;
const valueWidth = 96;
const barHeight = 13;
const barsFrom = margin + labelWidth;
const barsWidth = width - margin - valueWidth - barsFrom;

const style = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; }
  .small { font-size: 11px; fill: #59636e; }
  .page { fill: #ffffff; }
  .twill { fill: #1a7f64; }
  .other { fill: #b8c0c8; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .small { fill: #9198a1; }
    .page { fill: #0d1117; }
    .twill { fill: #2fb594; }
    .other { fill: #4b545e; }
  }`;

/** Each line has a scale of its own: the longer bar is as wide as there is room. */
export function drawBars({ title, note, bars }: Chart): string {
  const height = top + bars.length * rowHeight + margin;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">`,
    `<style>${style}\n</style>`,
    `<rect class="page" width="${width}" height="${height}" rx="8"/>`,
    text(margin, 28, title, "title"),
    text(margin, 46, note, "small"),
    ...bars.map((each, index) => drawRow(each, top + index * rowHeight)),
    "</svg>",
  ];
  return `${parts.join("\n")}\n`;
}

function drawRow({ label, beside, twill, other, ratio, unit }: Bars, y: number): string {
  const longest = Math.max(twill, other);
  const bar = (value: number, at: number, side: "twill" | "other") => {
    const length = round((value / longest) * barsWidth);
    return [
      `<rect class="${side}" x="${barsFrom}" y="${at}" width="${length}" height="${barHeight}" rx="2"/>`,
      text(barsFrom + length + 6, at + barHeight - 2, `${shown(value)} ${unit}`, "small"),
    ];
  };
  return [
    text(margin, y + 12, label),
    text(margin, y + 28, `beside ${beside}: ${ratio.toFixed(2)} ×`, "small"),
    ...bar(twill, y + 1, "twill"),
    ...bar(other, y + 1 + barHeight + 2, "other"),
  ].join("\n");
}

function text(x: number, y: number, content: string, kind?: string): string {
  const attribute = kind === undefined ? "" : ` class="${kind}"`;
  return `<text x="${round(x)}" y="${y}"${attribute}>${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
