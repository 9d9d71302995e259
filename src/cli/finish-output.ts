// What a command has printed reaches whoever reads it, before the process ends: a pipe takes 64 kB, and then waits for its reader.

/** Resolves when all that was printed has been handed on, or nobody reads it any more. Nothing can be printed after it. */
export async function finishOutput(): Promise<void> {
  await Promise.all([process.stdout, process.stderr].map(finish));
}

function finish(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once("error", () => resolve());
    stream.end(() => resolve());
  });
}
