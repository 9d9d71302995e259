// The known word that somebody most likely meant.

/** Of short words one letter in three may be wrong; more would be guessing. */
const lettersPerMistake = 3;

/** The word of `known` that takes the fewest changes to become; undefined when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: { readonly word: string; readonly mistakes: number } | undefined;
  for (const candidate of known) {
    const mistakes = distance(word.toLowerCase(), candidate.toLowerCase());
    const allowed = Math.max(1, Math.floor(candidate.length / lettersPerMistake));
    if (mistakes <= allowed && mistakes < (best?.mistakes ?? Number.POSITIVE_INFINITY))
      best = { word: candidate, mistakes };
  }
  return best?.word;
}

/** How many letters must be added, removed, changed, or swapped with their neighbour. */
function distance(from: string, to: string): number {
  let before: number[] = [];
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1] ? 0 : 1;
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        at(above, column) + 1,
        at(current, column - 1) + 1,
        at(above, column - 1) + same,
        swapped ? at(before, column - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    [before, above] = [above, current];
  }
  return at(above, to.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
