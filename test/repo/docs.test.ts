// What the documents name is there: paths in backticks, and the targets of links with their headings.
import { describe, expect, test } from "bun:test";
import { dirname, join, normalize } from "node:path";
import { exists, project, readText, readTree } from "./tree.ts";

// What begins like this in backticks is a path of the repository. dist/ and .cache/ come and go.
const repoPath = /^(\.ci|bench|bpf|deploy|docs|examples|shim|src|test|tools)\/[\w.*{},/-]*$/;

/** The text without fenced blocks, whose backticks and brackets are programs' and not the document's. */
function withoutFences(text: string): string {
  return text.replace(/^ *(```|~~~)[\s\S]*?^ *\1/gm, "");
}

/** Paths of the repository in backticks; `src/net/ip.ts:12` names its file. */
function namedPaths(text: string): string[] {
  return [...withoutFences(text).matchAll(/`([^`\n]+)`/g)]
    .map(([, code = ""]) => code.replace(/:\d+$/, ""))
    .filter((code) => repoPath.test(code));
}

/** Targets of links and images that stay within the repository. */
function linkTargets(text: string): string[] {
  const prose = withoutFences(text).replace(/`[^`\n]*`/g, "");
  const inline = [...prose.matchAll(/\]\(\s*<?([^\s)>]+)/g)];
  const references = [...prose.matchAll(/^ *\[[^\]]+\]: *<?([^\s>]+)/gm)];
  return [...inline, ...references]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z][\w+.-]*:/i.test(target));
}

/** The anchors of a document's headings, as code hosts make them: lower case, words and hyphens; repeats are numbered. */
function anchors(text: string): string[] {
  const seen = new Map<string, number>();
  return [...withoutFences(text).matchAll(/^#{1,6} +(.+?) *#*$/gm)].map(([, heading = ""]) => {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const slug = plain.replace(/[^\p{L}\p{N}_\- ]/gu, "").replaceAll(" ", "-");
    const repeats = seen.get(slug) ?? 0;
    seen.set(slug, repeats + 1);
    return repeats === 0 ? slug : `${slug}-${repeats}`;
  });
}

function isThere(path: string): boolean {
  if (!/[*{]/.test(path)) return exists(path);
  return !new Bun.Glob(path).scanSync({ cwd: project, onlyFiles: false }).next().done;
}

function isReachable(from: string, target: string): boolean {
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? from : normalize(path.startsWith("/") ? path.slice(1) : join(dirname(from), path));
  if (!exists(file)) return false;
  return anchor === undefined || anchors(readText(file) ?? "").includes(anchor);
}

describe("the documents", () => {
  const files = readTree([], [".md"]);

  test("name paths that exist", () => {
    const missing = files.flatMap(({ path, text }) =>
      namedPaths(text)
        .filter((named) => !isThere(named))
        .map((named) => `${path} names ${named}`),
    );
    expect(missing).toEqual([]);
  });

  test("link to files and headings that exist", () => {
    const broken = files.flatMap(({ path, text }) =>
      linkTargets(text)
        .filter((target) => !isReachable(path, target))
        .map((target) => `${path} links to ${target}`),
    );
    expect(broken).toEqual([]);
  });

  test("a path is what begins with a folder of the repository", () => {
    const text =
      "`src/net/ip.ts:12` `test/` `src/**/*.ts` `/etc/cni` `dist/twill` `ip link` `src/cni is`\n```\n`src/no.ts`\n```\n";
    expect(namedPaths(text)).toEqual(["src/net/ip.ts", "test/", "src/**/*.ts"]);
  });

  test("a link is followed unless it leaves the repository", () => {
    const text = "[a](docs/a.md#top) ![b](<b.png>) [c](https://example.com) `[d](d.md)` [e]: e.md\n[f]: f.md\n";
    expect(linkTargets(text)).toEqual(["docs/a.md#top", "b.png", "f.md"]);
  });

  test("a heading's anchor is its words", () => {
    expect(anchors("# `make test`, and CI\n## Twice\n## Twice\n## [Link](x.md) §1\n")).toEqual([
      "make-test-and-ci",
      "twice",
      "twice-1",
      "link-1",
    ]);
  });
});
