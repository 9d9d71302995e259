// One caller at a time per key, in order of arrival; different keys run side by side.

/** `const release = await lock.acquire("a")` … `release()`. Keys without a holder cost nothing. */
export class KeyedLock {
  #tails = new Map<string, Promise<void>>();

  async acquire(key: string): Promise<() => void> {
    const before = this.#tails.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#tails.set(key, promise);
    if (before !== undefined) await before;
    return () => {
      if (this.#tails.get(key) === promise) this.#tails.delete(key);
      resolve();
    };
  }
}
