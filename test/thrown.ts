// The error that a piece of code throws, so that a test can look at it.

import { CniError } from "#cni/error.ts";

/** @throws Error when `run` throws nothing. */
export function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("Nothing was thrown");
}

/** As `thrownBy`, for code that waits. */
export async function rejectionOf(run: () => Promise<unknown>): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new Error("Nothing was thrown");
}

/** @throws Error when `run` throws nothing; whatever else it throws. */
export function cniErrorOf(run: () => unknown): CniError {
  return asCniError(thrownBy(run));
}

/** As `cniErrorOf`, for code that waits. */
export async function cniErrorOfAsync(run: () => Promise<unknown>): Promise<CniError> {
  return asCniError(await rejectionOf(run));
}

function asCniError(error: unknown): CniError {
  if (error instanceof CniError) return error;
  throw error;
}
