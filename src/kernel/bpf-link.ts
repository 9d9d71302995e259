// Links of eBPF: programs at control groups, held by descriptors and pins, whose program can be replaced in one step.

import { KernelError } from "./errno.ts";
import { Fd } from "./fd.ts";
import { checkedBpf, failedWith, libbpf } from "./libbpf.ts";
import { errno } from "./libc.ts";

/** BPF_CGROUP_ of enum bpf_attach_type (linux/bpf.h). */
export const CgroupHook = {
  connect4: 10,
  connect6: 11,
  sendmsg4: 14,
  sendmsg6: 15,
  recvmsg4: 19,
  recvmsg6: 20,
  getpeername4: 29,
  getpeername6: 30,
} as const;
export type CgroupHook = keyof typeof CgroupHook;

/** A control group whose folder is open. */
export type OpenCgroup = { readonly path: string; readonly folder: Fd };

/**
 * Attaches beside whatever else is attached there; the program is detached with the last descriptor or pin.
 * @throws KernelError EPERM when a program was attached there that suffers no other
 */
export function linkToCgroup(program: number, hook: CgroupHook, { path, folder }: OpenCgroup): Fd {
  const result = libbpf().bpf_link_create(program, folder.number, CgroupHook[hook], null);
  const action = `Cannot attach a program to ${hook} of ${path}`;
  if (failedWith(result, "EPERM")) {
    const advice = `besides rights, a program there that suffers no other may be the reason: bpftool cgroup tree ${path}`;
    throw new KernelError(action, errno(), advice);
  }
  return new Fd(checkedBpf(result, () => action));
}

/** Puts another program in the link's place in one step. @throws KernelError ENOLINK when what it was attached to is gone */
export function replaceProgram(link: number, program: number): void {
  checkedBpf(libbpf().bpf_link_update(link, program, null), () => "Cannot replace the program of a link");
}

/** What a link joins: the program's number, and that of the control group, which is the inode of its folder; 0 when the group is gone. */
export type CgroupLinkInfo = { readonly id: number; readonly program: number; readonly cgroup: bigint };

/** @throws KernelError */
export function cgroupLinkInfo(link: number): CgroupLinkInfo {
  // struct bpf_link_info of linux/bpf.h: type, id, prog_id, and for control groups their id and the hook.
  const info = new Uint32Array(new ArrayBuffer(32));
  const result = libbpf().bpf_obj_get_info_by_fd(link, info, Uint32Array.of(info.byteLength));
  checkedBpf(result, () => "Cannot examine a link");
  const [, id = 0, program = 0] = info;
  return { id, program, cgroup: new DataView(info.buffer).getBigUint64(16, true) };
}
