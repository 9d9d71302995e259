// Where the packet path's programs sit: on the blocks that the links of all pods join, and on devices of the node.

import type { Damage } from "#bpf/kept-map.ts";
import type { BpfObject } from "#kernel/bpf-object.ts";
import { isErrno } from "#kernel/errno.ts";
import { type ProgramPlace, programAt, setProgram } from "#netlink/bpf-filter.ts";
import type { Connection } from "#netlink/connection.ts";
import { addVeth, findLink, setLink } from "#netlink/link.ts";
import type { Request } from "#netlink/message.ts";
import { addQdisc } from "#netlink/qdisc.ts";
import { ingressHandle, Parent } from "#netlink/tc.ts";

/** The blocks that the links of all pods join. */
export type Blocks = { readonly ingress: number; readonly egress: number };
export const defaultBlocks: Blocks = { ingress: 31, egress: 32 };

/** A link that is always there: a block goes when its last link goes, and the programs with it. */
const anchor = "twill-anchor";
const anchorPeer = "twill-anchor0";

/** On what a device of the node or the overlay's receives, or sends. */
export type DeviceProgram = "from_net" | "from_overlay" | "to_net";

function directionOf(program: DeviceProgram): "ingress" | "egress" {
  return program === "to_net" ? "egress" : "ingress";
}

export class Places {
  readonly #object: BpfObject;
  readonly blocks: Blocks;
  /** The kernel's numbers of programs that were asked for. */
  readonly #programIds = new Map<string, number>();

  constructor(object: BpfObject, blocks: Blocks) {
    this.#object = object;
    this.blocks = blocks;
  }

  /** Puts the programs of the pods' blocks in their places, over those of an earlier agent in one step. @throws KernelError */
  attachPods(connection: Connection): void {
    const { ingress, egress } = this.blocks;
    if (findLink(connection, anchor) === undefined) {
      connection.apply([addVeth({ name: anchor }, { name: anchorPeer })]);
    }
    const ifindex = findLink(connection, anchor)?.index ?? 0;
    try {
      connection.apply([this.joinBlocks(ifindex)]);
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
    connection.apply([
      setLink(ifindex, { up: false }),
      setProgram({ block: ingress }, this.#object.programFd("from_pod"), "from_pod"),
      setProgram({ block: egress }, this.#object.programFd("to_pod"), "to_pod"),
    ]);
  }

  /** Programs of the pods' blocks that somebody has taken away or replaced, and what keeps the blocks. @throws KernelError */
  missingPrograms(connection: Connection): readonly Damage[] {
    const { ingress, egress } = this.blocks;
    const mend = () => this.attachPods(connection);
    const places = [
      { block: ingress, program: "from_pod" },
      { block: egress, program: "to_pod" },
    ] as const;
    return [
      ...(findLink(connection, anchor) === undefined ? [{ text: `link ${anchor} was missing`, mend }] : []),
      ...places
        .filter(({ block, program }) => !this.#isAt(connection, { block }, program))
        .map(({ block, program }) => ({ text: `program ${program} of block ${block} was missing`, mend })),
    ];
  }

  /** Whether `attachDevice` has been done, and nobody undid it. @throws KernelError */
  isAttached(connection: Connection, ifindex: number, program: DeviceProgram): boolean {
    return this.#isAt(connection, { ifindex, direction: directionOf(program) }, program);
  }

  #isAt(connection: Connection, place: ProgramPlace, program: string): boolean {
    const id = this.#programIds.get(program) ?? this.#object.programId(program);
    this.#programIds.set(program, id);
    return programAt(connection, place) === id;
  }

  /** What makes a link one of the pods': sent with the requests that make the link. */
  joinBlocks(ifindex: number): Request {
    const { ingress, egress } = this.blocks;
    return addQdisc({
      ifindex,
      parent: Parent.ingress,
      handle: ingressHandle,
      shape: { kind: "clsact", ingressBlock: ingress, egressBlock: egress },
    });
  }

  /** Puts a program on what a device of the node receives, or with `to_net` sends. @throws KernelError */
  attachDevice(connection: Connection, ifindex: number, program: DeviceProgram): void {
    const clsact = addQdisc({ ifindex, parent: Parent.ingress, handle: ingressHandle, shape: { kind: "clsact" } });
    try {
      connection.apply([clsact]);
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
    const place = { ifindex, direction: directionOf(program) };
    connection.apply([setProgram(place, this.#object.programFd(program), program)]);
  }
}
