// Reads the table of protobuf fields for what it says of numbers: whether they have 32 or 64 bits, and what is bytes.

/** Formats by type and field: `io.k8s.api.core.v1.ContainerPort` → `containerPort` → `int32`. */
export function parseNumberFormats(table: string): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const formats = new Map<string, ReadonlyMap<string, string>>();
  let group = "";
  for (const line of table.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    if (line.startsWith("[")) {
      group = line.slice(1, -1);
      continue;
    }
    const [type = "", ...fields] = line.split(" ");
    const marked = fields.flatMap((field) => {
      const [, name = "", format = ""] = /^(.+)=\d+:(\w+)$/.exec(field) ?? [];
      return format === "" ? [] : [[name, format] as const];
    });
    formats.set(`${group}.${type}`, new Map(marked));
  }
  return formats;
}
