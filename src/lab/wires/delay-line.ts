// Frames that wait for their time: first in, first out, for a kernel that cannot do it (CONFIG_NET_SCH_NETEM).

/** More bytes of frames than this on the way are dropped, as a real line's buffers would. */
export const maxWaitingBytes = 64 * 2 ** 20;

export type DelayLineOptions = {
  readonly delayMs: number;
  readonly nowMs: () => number;
  /** Runs something once, after a time. */
  readonly setTimer: (run: () => void, ms: number) => void;
  readonly send: (frame: Uint8Array) => void;
};

/** Everything that is put in comes out `delayMs` later, in the same order. */
export class DelayLine {
  readonly #options: DelayLineOptions;
  #waiting: { readonly dueMs: number; readonly frame: Uint8Array }[] = [];
  #bytes = 0;
  #isTimed = false;

  constructor(options: DelayLineOptions) {
    this.#options = options;
  }

  /** False when the line is full and the frame is lost. */
  put(frame: Uint8Array): boolean {
    if (this.#bytes + frame.length > maxWaitingBytes) return false;
    this.#bytes += frame.length;
    this.#waiting.push({ dueMs: this.#options.nowMs() + this.#options.delayMs, frame });
    this.#setTimer();
    return true;
  }

  #setTimer(): void {
    const [first] = this.#waiting;
    if (first === undefined || this.#isTimed) return;
    this.#isTimed = true;
    this.#options.setTimer(() => this.#release(), Math.max(0, first.dueMs - this.#options.nowMs()));
  }

  #release(): void {
    this.#isTimed = false;
    const nowMs = this.#options.nowMs();
    let due = this.#waiting.findIndex(({ dueMs }) => dueMs > nowMs);
    if (due < 0) due = this.#waiting.length;
    for (const { frame } of this.#waiting.splice(0, due)) {
      this.#bytes -= frame.length;
      this.#options.send(frame);
    }
    this.#setTimer();
  }
}
