// `twill version`.

import type { CommandIo, OutputFormat } from "./command.ts";

/** The release, as package.json has it. */
export const version = "0.1.0";

export async function runVersion(
  { flags }: { readonly flags: { readonly output: OutputFormat } },
  io: CommandIo,
): Promise<number> {
  io.stdout(flags.output === "json" ? `${JSON.stringify({ version })}\n` : `${version}\n`);
  return 0;
}
