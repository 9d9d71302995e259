// The one table of commands: parsing, help and shell completion follow from it, and each command's module is loaded when it runs.

import { pluginNames } from "#plugins/registry.ts";
import { defaultRunDir } from "#plugins/run-dir.ts";
import {
  agentCommand,
  configCommand,
  dropsCommand,
  endpointsCommand,
  ipamCommand,
  servicesCommand,
  statusCommand,
} from "./agent-command.ts";
import { cniCommand } from "./cni-command.ts";
import { type Group, leaf, outputFlag } from "./command.ts";
import { labCommand } from "./lab-command.ts";
import { operatorCommand } from "./operator-command.ts";
import { explainCommand, policyCommand } from "./policy-command.ts";

/** `twill` itself. */
export const twill: Group = {
  summary: "networks for containers",
  about:
    "Networks for containers. Called by the name of a standard CNI plugin, it is that plugin: see 'twill help plugins'.",
  commands: {
    agent: agentCommand,
    operator: operatorCommand,
    status: statusCommand,
    endpoints: endpointsCommand,
    services: servicesCommand,
    drops: dropsCommand,
    ipam: ipamCommand,
    config: configCommand,
    cni: cniCommand,
    lab: labCommand,
    explain: explainCommand,
    policy: policyCommand,
    plugins: leaf({
      summary: "serves the standard CNI plugins to their shims",
      about: `Serves the standard CNI plugins to their shims on a unix socket, until it is told to stop:\n${pluginNames.join(" ")}`,
      flags: {
        socket: {
          value: "PATH",
          complete: "file",
          env: "TWILL_PLUGINS_SOCKET",
          default: "/run/twill/plugins.sock",
          about: "where to listen",
        },
        "run-dir": {
          value: "DIR",
          complete: "folder",
          env: "TWILL_RUN_DIR",
          default: defaultRunDir,
          about: "folder for records that a reboot may forget",
        },
      },
      load: async () => (await import("./plugins.ts")).runPlugins,
    }),
    completion: leaf({
      summary: "prints a script that completes commands in a shell",
      about:
        "Prints a script that completes commands and flags in a shell:\n\n" +
        "  bash   source <(twill completion bash)\n" +
        "  zsh    source <(twill completion zsh)\n" +
        "  fish   twill completion fish | source",
      args: { shell: { words: ["bash", "zsh", "fish"], about: "bash, zsh or fish" } },
      load: async () => (await import("./completion.ts")).runCompletion,
    }),
    help: leaf({
      summary: "explains a command",
      args: {
        command: { optional: true, repeated: true, complete: "command", about: "names that lead to the command" },
      },
      load: async () => (await import("./help-command.ts")).runHelp,
    }),
    version: leaf({
      summary: "prints the version",
      flags: outputFlag,
      load: async () => (await import("./version.ts")).runVersion,
    }),
  },
};
