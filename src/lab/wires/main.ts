// Keeps frames of delayed wires back, in the switch's namespace.
//
//   port of A ─► switch ─► leaving by B's port with A's mark ─► w…, waiting device ─► its other end ─► here ─► B's port

import { FrameSocket } from "#kernel/frame-socket.ts";
import { Nftables } from "#kernel/nftables.ts";
import { delaysText } from "#lab/fabric/rules.ts";
import { delayedWays, type Way, waitingDevice } from "#lab/fabric/wires.ts";
import type { LabSpec } from "#lab/spec.ts";
import { Connection } from "#netlink/connection.ts";
import { addVeth, findLink, removeLink, setLink } from "#netlink/link.ts";
import { DelayLine } from "./delay-line.ts";

export type WiresHost = {
  readonly nowMs: () => number;
  readonly setTimer: (run: () => void, ms: number) => void;
  readonly log: (line: string) => void;
  readonly stopped: Promise<void>;
};

/** Runs in the switch's namespace until it is told to stop. @throws KernelError */
export async function runWires(host: WiresHost, spec: LabSpec): Promise<void> {
  using stack = new DisposableStack();
  const ways = delayedWays(spec);
  using connection = new Connection("route");
  for (const way of ways) {
    const reader = makeWaitingDevice(connection, way);
    const input = stack.use(new FrameSocket(undefined, reader));
    const output = stack.use(new FrameSocket(undefined, way.to.index));
    const { nowMs, setTimer } = host;
    const line = new DelayLine({ delayMs: way.delayMs, nowMs, setTimer, send: (frame) => output.send(frame) });
    await input.receive(way.from.index, (frame) => line.put(frame));
  }
  using nft = new Nftables();
  nft.runText(delaysText(spec));
  for (const { from, to, delayMs } of ways) host.log(`frames from ${from.name} to ${to.name} take ${delayMs} ms`);
  await host.stopped;
}

/** Makes the pair of links anew and returns the number of the end to read from. */
function makeWaitingDevice(connection: Connection, way: Way): number {
  const name = waitingDevice(way);
  const [mtu, reader] = [findLink(connection, way.to.index)?.mtu ?? 1500, `${name}r`];
  const old = findLink(connection, name);
  connection.apply([
    ...(old === undefined ? [] : [removeLink(old.index, name)]),
    addVeth({ name, mtu }, { name: reader, mtu }),
  ]);
  const ends = [findLink(connection, name), findLink(connection, reader)];
  const indexes = ends.map((end) => end?.index ?? 0);
  connection.apply(indexes.map((index) => setLink(index, { up: true })));
  return indexes[1] ?? 0;
}
