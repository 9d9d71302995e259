// What has come for one of several streams of a connection and was not read yet: bounded, and the sender is held up.

import type { ByteSource } from "./bytes.ts";

/** Unread bytes of a stream beyond which its connection is not read on. */
const limitBytes = 256 * 1024;

/** Filled by one, iterated once by another. */
export class Inbox {
  readonly #taken: (size: number) => void;
  readonly #pieces: Uint8Array[] = [];
  #size = 0;
  #state: "open" | "ended" | "dropped" = "open";
  #wakeReader = () => {};
  #wakeSender = () => {};

  /** `taken` is told how many bytes were read, or will not be. */
  constructor(taken: (size: number) => void = () => {}) {
    this.#taken = taken;
  }

  /** Resolves when there is room for more. */
  async push(bytes: Uint8Array): Promise<void> {
    if (this.#state !== "open") return this.#taken(bytes.length);
    this.#pieces.push(bytes);
    this.#size += bytes.length;
    this.#wakeReader();
    if (this.#size <= limitBytes) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wakeSender = resolve;
    await promise;
  }

  /** Nothing more comes. */
  end(): void {
    if (this.#state === "open") this.#state = "ended";
    this.#wakeReader();
    this.#wakeSender();
  }

  /** Nothing more will be read: what comes is thrown away. */
  drop(): void {
    this.#state = "dropped";
    const rest = this.#size;
    this.#pieces.length = 0;
    this.#size = 0;
    if (rest > 0) this.#taken(rest);
    this.#wakeReader();
    this.#wakeSender();
  }

  async *source(): ByteSource {
    try {
      for (;;) {
        const bytes = this.#pieces.shift();
        if (bytes !== undefined) {
          this.#size -= bytes.length;
          if (this.#size <= limitBytes) this.#wakeSender();
          this.#taken(bytes.length);
          yield bytes;
        } else if (this.#state === "open") {
          const { promise, resolve } = Promise.withResolvers<void>();
          this.#wakeReader = resolve;
          await promise;
        } else return;
      }
    } finally {
      this.drop();
    }
  }
}
