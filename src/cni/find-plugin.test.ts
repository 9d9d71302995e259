// Finding a plugin's executable in CNI_PATH.
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cniErrorOf } from "#test/thrown.ts";
import { findPlugin } from "./find-plugin.ts";

const folder = mkdtempSync(join(tmpdir(), "twill-find-"));
const [first, second] = [join(folder, "first"), join(folder, "second")];
afterAll(() => rmSync(folder, { recursive: true }));

mkdirSync(join(first, "folder"), { recursive: true });
mkdirSync(second);
for (const file of [join(first, "both"), join(second, "both"), join(second, "folder"), join(second, "plain")]) {
  writeFileSync(file, "");
}
symlinkSync(join(second, "plain"), join(first, "link"));
symlinkSync(join(second, "absent"), join(first, "plain"));

describe("findPlugin() takes", () => {
  const rows: [what: string, type: string, file: string][] = [
    ["the first of two", "both", join(first, "both")],
    ["no folder", "folder", join(second, "folder")],
    ["a link to a file", "link", join(first, "link")],
    ["no link to nothing", "plain", join(second, "plain")],
  ];
  for (const [what, type, file] of rows) {
    test(what, () => expect(findPlugin(type, ["/no/such/folder", join(first, "both"), first, second])).toBe(file));
  }
});

describe("findPlugin() refuses", () => {
  const rows: [type: string, message: string][] = [
    ["", "no plugin name provided: set the field type"],
    ["../both", 'invalid plugin name: "../both"'],
    ["/bin/sh", 'invalid plugin name: "/bin/sh"'],
    ["a\\b", 'invalid plugin name: "a\\\\b"'],
    ["..", 'invalid plugin name: ".."'],
    ["a\0", 'invalid plugin name: "a\\u0000"'],
    ["absent", `failed to find plugin "absent" in path [${first} ${second}]`],
  ];
  for (const [type, message] of rows) {
    test(JSON.stringify(type), () => {
      expect(cniErrorOf(() => findPlugin(type, [first, second]))).toMatchObject({ code: 7, message });
    });
  }
});
