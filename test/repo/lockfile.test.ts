// The lock file serves every machine and mirror, and no file carries the place where it was written.
import { describe, expect, test } from "bun:test";
import { readText, readTree } from "./tree.ts";

type LockEntry = {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
};
type LockFile = { readonly packages: Readonly<Record<string, LockEntry>> };

// In pieces, or this file would find itself.
const needles = [
  ["registry.", "npmjs"],
  ["registry.", "yarnpkg"],
  ["/Users", "/"],
  ["/home", "/runner"],
].map((pieces) => pieces.join(""));

describe("the lock file", () => {
  const lock: LockFile = JSON.parse(readText("package-lock.json") ?? "{}");
  const entries = Object.entries(lock.packages);
  const installed = entries.filter(([path]) => path !== "");

  test("records no download addresses: a mirror may stand elsewhere", () => {
    expect(installed.length).toBeGreaterThan(0);
    expect(installed.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path)).toEqual([]);
  });

  test("records a version for every package and a checksum for all that is installed everywhere", () => {
    const bare = installed.filter(([, entry]) => !entry.version || (!entry.integrity && !entry.optional));
    expect(bare.map(([path]) => path)).toEqual([]);
  });

  // npm leaves out what its mirror did not have, and then `npm ci` refuses the file on every machine.
  test("has an entry for every optional dependency, also of other platforms", () => {
    const optional = entries.flatMap(([, entry]) => Object.keys(entry.optionalDependencies ?? {}));
    expect(optional.filter((name) => lock.packages[`node_modules/${name}`] === undefined)).toEqual([]);
  });
});

describe("the files", () => {
  test("name no package registry and no folder of the machine they were written on", () => {
    const found = readTree([], [""]).flatMap(({ path, text }) =>
      needles.filter((needle) => text.includes(needle)).map((needle) => `${path} contains ${needle}`),
    );
    expect(found).toEqual([]);
  });
});
