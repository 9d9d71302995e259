// Runs a program once on a packet of our own (BPF_PROG_TEST_RUN): how the packet path is tested.

import { ptr } from "bun:ffi";
import { checkedBpf, libbpf } from "./libbpf.ts";

/** What came of the packet: the program's result (TC_ACT_…), and the packet as it left. */
export type TestRun = {
  readonly result: number;
  readonly packet: Uint8Array;
  /** Of one run, as the mean of all. */
  readonly nanoseconds: number;
};

// struct bpf_test_run_opts of libbpf 1.1; struct __sk_buff of linux/bpf.h.
const optionsBytes = 80;
const contextBytes = 192;
const contextIfindex = 40;
const contextGsoSize = 176;
/** BPF_F_TEST_SKB_CHECKSUM_COMPLETE of linux/bpf.h. */
const summedFlag = 4;
const maxPacketBytes = 4096;

export type TestRunOptions = {
  /** How often it runs, each time on what it made of the packet before; once unless given. */
  readonly repeat?: number;
  /** Bytes of payload in each of the segments that the packet stands for; 0: it is one. */
  readonly gsoSize?: number;
  /** As if the device had summed the packet (CHECKSUM_COMPLETE): a program that leaves another sum than the packet's fails with EBADMSG. */
  readonly isSummed?: boolean;
};

/** `ifindex` is the device that the program believes to work for; it must be one of the process's namespace. @throws KernelError */
export function runProgram(
  fd: number,
  packet: Uint8Array,
  ifindex: number,
  { repeat = 1, gsoSize = 0, isSummed = false }: TestRunOptions = {},
): TestRun {
  const input = stable(packet.length);
  input.set(packet);
  const output = stable(maxPacketBytes);
  const context = stable(contextBytes);
  const fields = new DataView(context.buffer);
  fields.setUint32(contextIfindex, ifindex, true);
  fields.setUint32(contextGsoSize, gsoSize, true);
  const options = stable(optionsBytes);
  const view = new DataView(options.buffer);
  view.setBigUint64(0, BigInt(optionsBytes), true);
  view.setBigUint64(8, BigInt(ptr(input)), true);
  view.setBigUint64(16, BigInt(ptr(output)), true);
  view.setUint32(24, input.length, true);
  view.setUint32(28, output.length, true);
  view.setBigUint64(32, BigInt(ptr(context)), true);
  view.setUint32(48, context.length, true);
  view.setInt32(60, repeat, true);
  view.setUint32(68, isSummed ? summedFlag : 0, true);
  checkedBpf(libbpf().bpf_prog_test_run_opts(fd, options), () => "Cannot run a program on a test packet");
  const left = output.slice(0, view.getUint32(28, true));
  return { result: view.getInt32(56, true), packet: left, nanoseconds: view.getUint32(64, true) };
}

/** Memory whose address stays: the engine moves small arrays. */
function stable(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(size));
}
