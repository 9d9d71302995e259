// Pictures of measurements: the longer bar fills its line, and what the text says cannot break the picture.

import { expect, test } from "bun:test";
import { drawBars } from "./svg.ts";

const row = { label: "ADD <pod>", beside: 'the "reference" & others', unit: "ms", ratio: 0.25 };

function widths(svg: string): readonly number[] {
  return [...svg.matchAll(/class="(?:twill|other)" x="[\d.]+" y="[\d.]+" width="([\d.]+)"/g)].map(([, width]) =>
    Number(width),
  );
}

test("drawBars() gives the longer bar of a line all the room, and the other its share", () => {
  const [twill = 0, other = 0] = widths(drawBars({ title: "t", note: "n", bars: [{ ...row, twill: 2, other: 8 }] }));
  expect(other).toBeGreaterThan(200);
  expect(twill / other).toBeCloseTo(0.25, 2);
  const [slow = 0, fast = 0] = widths(drawBars({ title: "t", note: "n", bars: [{ ...row, twill: 8, other: 2 }] }));
  expect([slow, fast]).toEqual([other, twill]);
});

test("drawBars() writes text as text", () => {
  const svg = drawBars({ title: "t", note: "n", bars: [{ ...row, twill: 2, other: 8 }] });
  expect(svg).toContain("ADD &lt;pod></text>");
  expect(svg).toContain("beside the &quot;reference&quot; &amp; others: 0.25 ×");
});
