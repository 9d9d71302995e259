// What a request to the store can fail with.

/**
 * `exists`: the key is taken. `missing`: there is no such key. `changed`: the key is not at the expected revision.
 * `compacted`: the revision is older than what the store remembers. `future`: the revision has not been given yet.
 * `busy`: another process has the file. `foreign`: the file is no store.
 */
export type StoreErrorCode = "exists" | "missing" | "changed" | "compacted" | "future" | "busy" | "foreign";

export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Whether an error is of the store, with one of these codes. */
export function isStoreError(error: unknown, ...codes: readonly StoreErrorCode[]): error is StoreError {
  return error instanceof StoreError && codes.includes(error.code);
}
