// Names in a sentence, where there may be thousands of them.

/** The first `few`, and how many more there are: `shop/a, shop/b and 7 more`. */
export function formatFew(names: readonly string[], few: number): string {
  const more = names.length - few;
  return more <= 0 ? names.join(", ") : `${names.slice(0, few).join(", ")} and ${more} more`;
}
