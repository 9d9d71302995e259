// Sizes of the packet path's maps by the node's memory.

import { expect, test } from "bun:test";
import { mapSizes } from "./map-sizes.ts";

const gigabyte = 2 ** 30;

test.each([
  ["a small node has the fewest", 1, undefined, 32_768],
  ["a middling node has its share", 24, undefined, 146_419],
  ["a huge node has the most", 1024, undefined, 1_048_576],
  ["the configuration decides", 24, 5000, 5000],
] as const)("%s", (_, gigabytes, told, connections) => {
  expect(mapSizes(gigabytes * gigabyte, told)).toEqual({ connections, translations: 2 * connections });
});
