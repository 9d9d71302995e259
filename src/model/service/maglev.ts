// Tables by which every node leads the same connection to the same backend, and which move few when a backend comes or goes (after
// Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, section 3.4).

/** Two hashes of a name: any two that have nothing to do with each other. */
const seeds = { start: 0x7477_696c, step: 0x6c6c_0001 } as const;

/**
 * No backend gets more than so many times its even share. Maglev itself has all shares even: a backend that finds its bucket taken goes
 * on to the next free one, and one that leaves moves 2.3 % of a table of 100. Here it waits for its next turn: 1.2 %, shares of 0.86 to 1.05.
 */
const mostShare = 1.05;

/**
 * For each of `buckets`, a power of two, the place in `names` of the backend that has it; empty without names. The same names give
 * the same backends in every order.
 */
export function maglevTable(names: readonly string[], buckets: number): Uint16Array {
  const order = names.map((_, index) => index).sort((a, b) => ((names[a] ?? "") < (names[b] ?? "") ? -1 : 1));
  const table = new Uint16Array(names.length === 0 ? 0 : buckets);
  const isTaken = new Uint8Array(buckets);
  const next = new Uint32Array(order.map((index) => hash(names[index] ?? "", seeds.start) % buckets));
  // An odd step visits all buckets of a power of two.
  const step = new Uint32Array(order.map((index) => (hash(names[index] ?? "", seeds.step) % buckets) | 1));
  const shares = new Uint32Array(order.length);
  const most = Math.ceil((buckets / order.length) * mostShare);
  for (let given = 0; given < table.length; ) {
    for (let turn = 0; turn < order.length; turn++) {
      const bucket = next[turn] ?? 0;
      const share = shares[turn] ?? 0;
      next[turn] = (bucket + (step[turn] ?? 1)) % buckets;
      if (isTaken[bucket] === 1 || share >= most) continue;
      isTaken[bucket] = 1;
      table[bucket] = order[turn] ?? 0;
      shares[turn] = share + 1;
      given++;
    }
  }
  return table;
}

function hash(name: string, seed: number): number {
  return Bun.hash.xxHash32(name, seed);
}
