// What `twill` answers to words that lead to no work: help, version, and mistakes.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Group, isGroup } from "./command.ts";
import { twill } from "./commands.ts";
import { runCommand } from "./run-command.ts";

const packageJson: { readonly version: string } = JSON.parse(
  readFileSync(join(import.meta.dir, "../../package.json"), "utf8"),
);

async function run(...words: readonly string[]) {
  const written = { stdout: "", stderr: "" };
  const exitCode = await runCommand(words, {
    env: new Map(),
    stdout: (text) => {
      written.stdout += text;
    },
    stderr: (text) => {
      written.stderr += text;
    },
  });
  return { exitCode, ...written };
}

const addHelp = `Usage: twill cni add NETWORK NETNS [flags]

Runs the network's plugins and prints the result as JSON.

Arguments:
  NETWORK                   name of the network, as its configuration file has it
  NETNS                     path of the network namespace

Flags:
      --undo                when a plugin fails, take back what the others made
  -i, --ifname NAME         interface in the namespace ($CNI_IFNAME, else eth0)
      --container-id ID     instead of cnitool- and a hash of the namespace's path
  -o, --output FORMAT       what to print: text for people, or json for programs (text)
      --cache-dir DIR       where results are remembered (/var/lib/cni)
  -h, --help                print this text

Environment:
  CNI_PATH                  folders with plugins, separated by colons
  NETCONFPATH               folder with network configurations (/etc/cni/net.d)
  CNI_ARGS                  KEY=VALUE;KEY=VALUE for the plugins
  CAP_ARGS                  JSON object of capability arguments: {"portMappings": [...]}
  CNI_IFNAME                as --ifname
`;

describe("twill", () => {
  test("explains a command in all the ways that people ask", async () => {
    for (const words of [
      ["help", "cni", "add"],
      ["cni", "add", "--help"],
      ["cni", "add", "net", "-h"],
    ]) {
      expect(await run(...words)).toEqual({ exitCode: 0, stdout: addHelp, stderr: "" });
    }
  });

  test("lists its commands, alone or asked", async () => {
    const listed = await run();
    for (const name of Object.keys(twill.commands)) expect(listed.stdout).toMatch(new RegExp(`^  ${name} +\\w`, "m"));
    for (const words of [["help"], ["--help"], ["-h"]]) expect(await run(...words)).toEqual(listed);
  });

  test("has a summary for every command, which starts small and fits a line", () => {
    const summaries = (group: Group): readonly string[] =>
      Object.values(group.commands).flatMap((each) => [each.summary, ...(isGroup(each) ? summaries(each) : [])]);
    for (const summary of summaries(twill)) expect(summary).toMatch(/^[a-z][^\n]{5,70}[^.]$/);
  });

  test("says which version it is, which is that of package.json", async () => {
    const stdout = `${packageJson.version}\n`;
    expect(await run("version")).toEqual({ exitCode: 0, stdout, stderr: "" });
    expect(await run("--version")).toEqual({ exitCode: 0, stdout, stderr: "" });
    expect(JSON.parse((await run("version", "-o", "json")).stdout)).toEqual({ version: packageJson.version });
  });

  test.each([
    ["plugin", 'twill: there is no command "plugin": did you mean "plugins"? (see \'twill help\')\n'],
    ["cluster", "twill: there is no command \"cluster\" (see 'twill help')\n"],
    ["help cin", 'twill help: there is no command "cin": did you mean "cni"? (see \'twill help help\')\n'],
    ["help version now", 'twill help: "version" has no command "now" (see \'twill help help\')\n'],
    [
      "completion tcsh",
      "twill completion: SHELL must be one of bash, zsh, fish, found \"tcsh\" (see 'twill help completion')\n",
    ],
  ])("answers '%s' with one sentence", async (words, stderr) => {
    expect(await run(...words.split(" "))).toEqual({ exitCode: 2, stdout: "", stderr });
  });
});
