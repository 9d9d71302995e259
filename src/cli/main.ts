// The one executable: a standard CNI plugin when called by a plugin's name, else the command that its first words name.

import { messageOf } from "#base/error-message.ts";
import { isStandardPlugin } from "#plugins/registry.ts";
import { finishOutput } from "./finish-output.ts";

async function main(): Promise<number> {
  const env = environment();
  const name = process.argv0.slice(process.argv0.lastIndexOf("/") + 1);
  const words = process.argv.slice(2);
  if (name === "dhcp" && words[0] === "daemon") {
    const log = (line: string) => console.error(line);
    return await (await import("./dhcp-daemon.ts")).runDhcpDaemon(words.slice(1), { env, log });
  }
  // Container runtimes wait for this: nothing of the commands is loaded.
  if (isStandardPlugin(name)) return await (await import("./standalone.ts")).runStandalone(name, env);
  const io = { env, stdout: print(process.stdout), stderr: print(process.stderr) };
  return await (await import("./run-command.ts")).runCommand(words, io);
}

/** The shim sets it for this process (docs/shim-protocol.md), not for the plugins that this process executes. */
const engineSetting = "BUN_JSC_useBaselineJIT";

function environment(): ReadonlyMap<string, string> {
  const env = new Map<string, string>();
  for (const [key, value] of Object.entries(process.env)) {
    if (value !== undefined && key !== engineSetting) env.set(key, value);
  }
  return env;
}

function print(stream: NodeJS.WriteStream): (text: string) => void {
  return (text) => {
    stream.write(text);
  };
}

// No top-level await: bytecode is made of CommonJS.
main()
  .catch((error: unknown) => {
    console.error(`twill: ${messageOf(error)}`);
    return 1;
  })
  .then(async (exitCode) => {
    await finishOutput();
    process.exit(exitCode);
  });
