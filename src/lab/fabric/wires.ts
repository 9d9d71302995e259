// What is done to wires between stations: cut, loss and delay, each way by itself.

import type { LabSpec, WireSpec } from "#lab/spec.ts";
import type { Port } from "./station.ts";
import { portOf } from "./want.ts";

/** One way of a wire: from the port of the switch where frames come in to the one where they leave. */
export type Way = {
  readonly from: Port;
  readonly to: Port;
  readonly cut: boolean;
  readonly lossPercent: number;
  readonly delayMs: number;
};

/** Both ways of every wire that something was done to. */
export function waysOf(spec: LabSpec): readonly Way[] {
  return spec.wires.flatMap(({ between: [a, b], cut, lossPercent, delayMs }) => {
    const [from, to] = [portOf(spec, a), portOf(spec, b)];
    if (from === undefined || to === undefined) return [];
    const done = { cut, lossPercent, delayMs };
    return [
      { from, to, ...done },
      { from: to, to: from, ...done },
    ];
  });
}

/** The ways whose frames a process of ours keeps back. */
export function delayedWays(spec: LabSpec): readonly Way[] {
  return waysOf(spec).filter(({ cut, delayMs }) => !cut && delayMs > 0);
}

/** The device at the switch where frames of a delayed way go to: the process reads them from it. */
export function waitingDevice({ from, to }: Way): string {
  return `w${from.index}-${to.index}`;
}

/** A wire that nothing was done to. */
function soundWire(a: string, b: string): WireSpec {
  const [first, second] = a < b ? [a, b] : [b, a];
  return { between: [first, second], cut: false, delayMs: 0, lossPercent: 0 };
}

/** The wires with what `change` does to the one between two stations; a sound wire is none to remember. */
export function changeWire(
  wires: readonly WireSpec[],
  [a, b]: readonly [string, string],
  change: Partial<Omit<WireSpec, "between">>,
): readonly WireSpec[] {
  const sound = soundWire(a, b);
  const same = ({ between: [first, second] }: WireSpec) => first === sound.between[0] && second === sound.between[1];
  const next = { ...(wires.find(same) ?? sound), ...change };
  const others = wires.filter((wire) => !same(wire));
  return next.cut || next.delayMs > 0 || next.lossPercent > 0 ? [...others, next] : others;
}

/** `node1 - node2: cut, 5% lost, 20 ms each way` */
export function formatWire({ between, cut, delayMs, lossPercent }: WireSpec): string {
  const done = [
    ...(cut ? ["cut"] : []),
    ...(lossPercent > 0 ? [`${lossPercent}% lost`] : []),
    ...(delayMs > 0 ? [`${delayMs} ms each way`] : []),
  ];
  return `${between.join(" - ")}: ${done.join(", ")}`;
}
