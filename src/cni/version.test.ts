// Order and support of the specification's versions.
import { expect, test } from "bun:test";
import { atLeast, compareVersions, parseVersion, specVersions, versionsFrom } from "./version.ts";

test("versions are in the order of their publication", () => {
  expect([...specVersions].reverse().sort(compareVersions)).toEqual([...specVersions]);
});

test("atLeast() compares by order, not by text", () => {
  expect(atLeast("0.4.0", "0.4.0")).toBe(true);
  expect(atLeast("0.3.1", "0.4.0")).toBe(false);
  expect(atLeast("1.0.0", "0.4.0")).toBe(true);
});

test("parseVersion() takes published versions only, and the empty string as 0.1.0", () => {
  expect(parseVersion("")).toBe("0.1.0");
  expect(parseVersion("1.1.0")).toBe("1.1.0");
  for (const text of ["1.1", "v1.0.0", "1.0.0 ", "0.5.0", "9.8.7"]) expect(parseVersion(text)).toBeUndefined();
});

test("versionsFrom() lists the rest of the versions", () => {
  expect(versionsFrom("0.4.0")).toEqual(["0.4.0", "1.0.0", "1.1.0"]);
});
