// `twill lab wire`: what goes wrong between two nodes.

import type { CommandIo } from "#cli/command.ts";
import { changeWire } from "#lab/fabric/wires.ts";
import { LabError, type LabSpec, nodeOf, type WireSpec } from "#lab/spec.ts";
import { applyWires } from "#lab/world/lab.ts";
import { lockUp, openHost } from "./lab-host.ts";

type WireCall = {
  readonly args: { readonly from: string; readonly to: string };
  readonly flags: { readonly lab: string | undefined };
};

export async function wireCut(call: WireCall, io: CommandIo): Promise<number> {
  return await change(call, io, { cut: true });
}

export async function wireHeal(call: WireCall, io: CommandIo): Promise<number> {
  return await change(call, io, { cut: false, delayMs: 0, lossPercent: 0 });
}

export async function wireDelay(
  call: WireCall & { readonly args: { readonly time: number } },
  io: CommandIo,
): Promise<number> {
  return await change(call, io, { delayMs: call.args.time });
}

export async function wireLoss(
  call: WireCall & { readonly args: { readonly share: number } },
  io: CommandIo,
): Promise<number> {
  return await change(call, io, { lossPercent: call.args.share });
}

async function change(
  { args: { from, to }, flags: { lab } }: WireCall,
  io: CommandIo,
  what: Partial<Omit<WireSpec, "between">>,
): Promise<number> {
  const host = openHost(io);
  const { places, spec, lock } = await lockUp(host, lab, io);
  using _ = lock;
  requireEnd(spec, from);
  requireEnd(spec, to);
  if (from === to) throw new LabError(`Cannot find a wire between "${from}" and itself: name two nodes`);
  await applyWires(host, places, { ...spec, wires: changeWire(spec.wires, [from, to], what) });
  return 0;
}

function requireEnd(spec: LabSpec, name: string): void {
  if (name !== "control") nodeOf(spec, name);
}
