// The one executable: a standard CNI plugin when called by a plugin's name, else the command that its first words name.

import { basename } from "node:path";
import { isStandardPlugin } from "#plugins/registry.ts";

async function main(): Promise<number> {
  const env = environment();
  const name = basename(process.argv0);
  const words = process.argv.slice(2);
  if (name === "dhcp" && words[0] === "daemon") {
    const log = (line: string) => console.error(line);
    return await (await import("./dhcp-daemon.ts")).runDhcpDaemon(words.slice(1), { log });
  }
  // Container runtimes wait for this: nothing of the commands is loaded.
  if (isStandardPlugin(name)) return await (await import("./standalone.ts")).runStandalone(name, env);
  const io = { env, stdout: print(process.stdout), stderr: print(process.stderr) };
  return await (await import("./run-command.ts")).runCommand(words, io);
}

function environment(): ReadonlyMap<string, string> {
  const given = Object.entries(process.env);
  return new Map(given.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])));
}

function print(stream: NodeJS.WriteStream): (text: string) => void {
  return (text) => {
    stream.write(text);
  };
}

// No top-level await: bytecode is made of CommonJS.
main().then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    console.error(`twill: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  },
);
