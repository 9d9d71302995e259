// The word that somebody may have meant.

/** Further from it than this share of its letters, a word is another one. */
const maxShare = 0.5;

/** The nearest of `words` by letters that differ, whatever their case; undefined when none is near. */
export function nearest(word: string, words: Iterable<string>): string | undefined {
  let best: { readonly word: string; readonly distance: number } | undefined;
  for (const each of words) {
    const distance = editDistance(word.toLowerCase(), each.toLowerCase());
    if (distance <= word.length * maxShare && (best === undefined || distance < best.distance))
      best = { word: each, distance };
  }
  return best?.word;
}

/** Letters to insert, remove or replace (Levenshtein). */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
