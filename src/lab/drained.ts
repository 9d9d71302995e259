// Writing an answer at the pace of whoever reads it.

import type { ServerResponse } from "node:http";

/** Until a client that reads slower than we write has caught up, or is gone: also one that was gone before. */
export async function drained(response: ServerResponse, gone: AbortSignal): Promise<void> {
  if (gone.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const wake = () => resolve();
  response.once("drain", wake);
  gone.addEventListener("abort", wake, { once: true });
  await promise;
  response.off("drain", wake);
  gone.removeEventListener("abort", wake);
}
