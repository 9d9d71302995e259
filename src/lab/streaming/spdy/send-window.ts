// How many bytes a peer still takes: of one stream, and of all of a session together (SPDY/3.1 section 2.6.8).
//
// kubectl's library neither counts what it gets nor ever says that it takes more: whoever waited for its word would wait for good
// after 64 KiB. So windows count from the beginning, but hold only a peer that has spoken of them.

/** Whether the peer of a session has ever spoken of windows. */
export type WindowMode = { counts: boolean };

export const firstWindow = 64 * 1024;

export class SendWindow {
  readonly #mode: Readonly<WindowMode>;
  readonly #shared: SendWindow | undefined;
  readonly #waiting = new Set<() => void>();
  #left: number;

  /** `shared` is the session's; what is taken from one is taken from both. */
  constructor(mode: Readonly<WindowMode>, size: number, shared?: SendWindow) {
    this.#mode = mode;
    this.#left = size;
    this.#shared = shared;
  }

  add(delta: number): void {
    this.#left += delta;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Takes up to `wanted` bytes once there is room, and says how many; 0 when the signal comes first. */
  async take(wanted: number, gone: AbortSignal): Promise<number> {
    const size = await this.#waitFor(wanted, gone);
    if (this.#shared === undefined || size === 0) return this.#spend(size);
    const both = await this.#shared.take(size, gone);
    return this.#spend(both);
  }

  #spend(size: number): number {
    this.#left -= size;
    return size;
  }

  async #waitFor(wanted: number, gone: AbortSignal): Promise<number> {
    while (this.#mode.counts && this.#left <= 0 && !gone.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = () => resolve();
      this.#waiting.add(wake);
      gone.addEventListener("abort", wake, { once: true });
      await promise;
      gone.removeEventListener("abort", wake);
    }
    if (gone.aborted) return 0;
    return this.#mode.counts ? Math.min(wanted, this.#left) : wanted;
  }
}
