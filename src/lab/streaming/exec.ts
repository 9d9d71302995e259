// Joining a program in a container to a client: its streams, its terminal's size, how it ended.

import { type ByteSource, pass } from "./bytes.ts";
import { type RemoteCommand, statusOfExit } from "./remote/remote-command.ts";

/** A program that runs, as src/lab/kubelet/worker/container-exec.ts opens it. */
export type Program = {
  readonly stdout: ByteSource;
  readonly stderr: ByteSource;
  readonly write: (bytes: Uint8Array) => Promise<void>;
  readonly closeInput: () => void;
  readonly resize: (columns: number, rows: number) => void;
  readonly kill: () => void;
  readonly exited: Promise<number>;
};

/** Until the program has ended, or the client is gone: then the program is killed. */
export async function serveExec(remote: RemoteCommand, program: Program): Promise<void> {
  const { gone, stdout, stderr } = remote;
  gone.addEventListener("abort", program.kill, { once: true });
  if (gone.aborted) program.kill();
  void passInput(remote, program);
  void followSizes(remote, program);
  await Promise.all([
    pass(program.stdout, stdout ?? nowhere),
    // With a terminal, what kept the program from starting is the only thing said here.
    pass(program.stderr, stderr ?? stdout ?? nowhere),
  ]);
  await Promise.all([stdout?.end(), stderr?.end()]);
  const exitCode = await program.exited;
  gone.removeEventListener("abort", program.kill);
  await remote.finish(statusOfExit(exitCode));
}

async function passInput({ stdin, sizes }: RemoteCommand, program: Program): Promise<void> {
  if (stdin !== undefined) await pass(stdin, program);
  // The end of a terminal's input is something typed: nobody types who never had the input.
  if (stdin !== undefined || sizes === undefined) program.closeInput();
}

async function followSizes({ sizes }: RemoteCommand, { resize }: Program): Promise<void> {
  for await (const { columns, rows } of sizes ?? []) resize(columns, rows);
}

const nowhere = { write: async () => {} };
