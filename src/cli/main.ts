// The one executable: a standard CNI plugin when called by a plugin's name, else the command its first argument names.

import { basename } from "node:path";
import { isStandardPlugin, pluginNames } from "#plugins/registry.ts";

const help = `twill COMMAND

  cni       acts as a container runtime: adds, checks and removes a network of a namespace
  plugins   serves the standard CNI plugins to their shims
  version   prints the version

Called by the name of a standard plugin, it is that plugin:
  ${pluginNames.join(" ")}

'twill COMMAND --help' tells more.
`;

const version = "0.1.0";

async function main(): Promise<number> {
  const env = new Map(
    Object.entries(process.env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
  const name = basename(process.argv0);
  const [command = "", ...rest] = process.argv.slice(2);
  if (name === "dhcp" && command === "daemon") {
    const log = (line: string) => console.error(line);
    return await (await import("./dhcp-daemon.ts")).runDhcpDaemon(rest, { log });
  }
  if (isStandardPlugin(name)) {
    return await (await import("./standalone.ts")).runStandalone(name, env as ReadonlyMap<string, string>);
  }
  switch (command) {
    case "cni": {
      const io = { stdout: print(process.stdout), stderr: print(process.stderr) };
      return await (await import("./cni.ts")).runCniCommand(rest, env as ReadonlyMap<string, string>, io);
    }
    case "plugins": {
      const log = (line: string) => console.error(line);
      return await (await import("./plugins.ts")).runPlugins(rest, env as ReadonlyMap<string, string>, { log });
    }
    case "version":
    case "--version":
      console.log(version);
      return 0;
    case "":
    case "help":
    case "-h":
    case "--help":
      console.log(help);
      return 0;
    default:
      console.error(`twill: there is no command "${command}": 'twill help' lists them`);
      return 1;
  }
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
