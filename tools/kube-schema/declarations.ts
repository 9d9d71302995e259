// Reads the published TypeScript declarations of Kubernetes' types: they are generated, so their form is regular.

export type Field = { readonly name: string; readonly optional: boolean; readonly type: string; readonly text: string };

export type Declaration = {
  readonly name: string;
  readonly text: string;
  /** What it is another name for: `string`. */
  readonly alias: string | undefined;
  readonly fields: readonly Field[];
};

export type Module = {
  /** The file that each imported name is from: `../meta/v1`. */
  readonly imports: ReadonlyMap<string, string>;
  readonly declarations: readonly Declaration[];
};

const comment = String.raw`(?:/\*\*(?<text>(?:(?!\*/)[\s\S])*)\*/\s*)?`;
const importLine = /^import \{ (?<names>[^}]+) \} from "(?<from>[^"]+)";/gm;
const top = new RegExp(
  String.raw`^${comment}export (?:interface (?<name>\w+) \{\n(?<body>[\s\S]*?)^\}|type (?<alias>\w+) = (?<type>[^;]+);)`,
  "gm",
);
const field = new RegExp(
  String.raw`^ {4}${comment}(?:readonly )?(?:"(?<quoted>[^"]+)"|(?<name>[\w$-]+))(?<optional>\??): (?<type>\{[^}]*\}|[^;{]+);`,
  "gm",
);

export function parseDeclarations(source: string): Module {
  const imports = new Map<string, string>();
  for (const { groups } of source.matchAll(importLine)) {
    for (const name of groups?.["names"]?.split(", ") ?? []) imports.set(name, groups?.["from"] ?? "");
  }
  const declarations = [...source.matchAll(top)].map(({ groups = {} }) => ({
    name: groups["name"] ?? groups["alias"] ?? "",
    text: plainText(groups["text"]),
    alias: groups["type"],
    fields: [...(groups["body"] ?? "").matchAll(field)].map(({ groups = {} }) => ({
      name: groups["quoted"] ?? groups["name"] ?? "",
      optional: groups["optional"] === "?",
      type: (groups["type"] ?? "").replace(/\s+/g, " "),
      text: plainText(groups["text"]),
    })),
  }));
  return { imports, declarations };
}

/** A comment without its stars. */
function plainText(text = ""): string {
  return text
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, ""))
    .join("\n")
    .trim();
}
