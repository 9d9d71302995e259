// Reads the report that `bun test --reporter=junit` writes.

/** One test of the report. */
export type TestCase = {
  /** As the report's runner knew it, relative to its folder. */
  readonly file: string;
  /** The names of the groups around the test, outermost first, and its own. */
  readonly path: readonly string[];
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it failed; empty otherwise. */
  readonly message: string;
};

const token = /<(\/?)(testsuite|testcase|failure|error|skipped)\b([^>]*?)(\/?)>([^<]*)/g;
const attribute = /([\w-]+)="([^"]*)"/g;
const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

/** The tests in the order of the report. A report that was cut off gives the tests up to there. */
export function parseJunit(xml: string): readonly TestCase[] {
  const cases: TestCase[] = [];
  const suites: string[] = [];
  for (const [, closing, element, attributes = "", selfClosing, text = ""] of xml.matchAll(token)) {
    const values = readAttributes(attributes);
    if (element === "testsuite") {
      if (closing) suites.pop();
      else suites.push(values["name"] ?? "");
    } else if (element === "testcase" && !closing) {
      // The outermost suite is the file.
      const path = [...suites.slice(1), values["name"] ?? ""];
      cases.push({ file: values["file"] ?? "", path, outcome: "passed", message: "" });
    } else if (!closing) {
      const last = cases.pop();
      if (last === undefined) continue;
      const skipped = element === "skipped";
      const message = skipped ? "" : (selfClosing ? "" : plain(text).trim()) || (values["message"] ?? "no message");
      cases.push({ ...last, outcome: skipped ? "skipped" : "failed", message });
    }
  }
  return cases;
}

function readAttributes(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(attribute)].map(([, name = "", value = ""]) => [name, plain(value)]));
}

function plain(text: string): string {
  return text.replace(/&(#x?[0-9a-f]+|\w+);/gi, (whole, name: string) => {
    if (!name.startsWith("#")) return entities[name] ?? whole;
    const hex = name[1] === "x" || name[1] === "X";
    return String.fromCodePoint(Number.parseInt(name.slice(hex ? 2 : 1), hex ? 16 : 10));
  });
}
