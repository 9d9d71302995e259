// Waiting for the signals that tell a process to stop.

/** Resolves at SIGTERM or SIGINT, and keeps the process alive until then. */
export async function untilStopped(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const dayMs = 86_400_000;
  const alive = setInterval(() => {}, dayMs);
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  await promise;
  clearInterval(alive);
}
