// How many connections the packet path remembers: a share of the node's memory.

/** Of the memory, for connections and their translations: what others give their tables (Cilium's default). */
const share = 0.0025;
/** A connection and both of its translations, keys, and what the kernel adds to an element. */
const connectionBytes = 136 + 2 * 152;
const [fewest, most] = [32_768, 1_048_576];

/**
 * Elements of the maps that are made whole when they are loaded. `memoryBytes`: the node's; `maxConnections`: as the configuration says,
 * undefined: as the memory allows.
 */
export function mapSizes(memoryBytes: number, maxConnections: number | undefined): Readonly<Record<string, number>> {
  const byMemory = Math.floor((memoryBytes * share) / connectionBytes);
  const connections = maxConnections ?? Math.min(most, Math.max(fewest, byMemory));
  return { connections, translations: 2 * connections };
}
