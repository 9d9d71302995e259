// Undo steps of a multi-step change: run newest first unless the change was kept.

/**
 * Collects what must be undone if a change fails half-way.
 *
 *     await using undo = new Rollback();
 *     addLink(...); undo.defer("remove veth0", () => removeLink(...));
 *     undo.keep();
 *
 * A step that fails does not stop the others; `failures` holds what went wrong.
 */
export class Rollback {
  readonly failures: { readonly what: string; readonly cause: unknown }[] = [];
  #steps: { what: string; undo: () => void | Promise<void> }[] = [];

  defer(what: string, undo: () => void | Promise<void>): void {
    this.#steps.push({ what, undo });
  }

  /** The change stands: forget all steps. */
  keep(): void {
    this.#steps = [];
  }

  /** Runs the steps now, newest first. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.undo();
      } catch (cause) {
        this.failures.push({ what: step.what, cause });
      }
    }
  }
}
