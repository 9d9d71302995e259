// The error that a piece of code throws, so that a test can look at it.

import { CniError } from "#cni/error.ts";

/** @throws Error when `run` throws nothing; whatever else it throws. */
export function cniErrorOf(run: () => unknown): CniError {
  try {
    run();
  } catch (error) {
    if (error instanceof CniError) return error;
    throw error;
  }
  throw new Error("Nothing was thrown");
}

/** As `cniErrorOf`, for code that waits. */
export async function cniErrorOfAsync(run: () => Promise<unknown>): Promise<CniError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof CniError) return error;
    throw error;
  }
  throw new Error("Nothing was thrown");
}
