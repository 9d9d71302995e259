// Names for content: the same on every node and after every start.

/** 32 hexadecimal digits, of the texts in this order. */
export function digestOf(texts: readonly string[]): string {
  return Bun.CryptoHasher.hash("sha256", texts.join("\n"), "hex").slice(0, 32);
}
