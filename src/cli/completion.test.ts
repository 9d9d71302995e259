// Completion as the shells themselves do it: bash, zsh and fish run the scripts.

import { expect, test } from "bun:test";
import { needsTools } from "#test/tools.ts";
import { runCompletion } from "./completion.ts";

needsTools("complete commands", { zsh: "zsh", fish: "fish" });

async function scriptFor(shell: "bash" | "zsh" | "fish"): Promise<string> {
  let script = "";
  const stdout = (text: string) => {
    script += text;
  };
  await runCompletion({ args: { shell } }, { stdout, stderr: () => {}, env: new Map() });
  return script;
}

function run(command: readonly string[], script: string): readonly string[] {
  const ran = Bun.spawnSync([...command], {
    stdin: Buffer.from(script),
    cwd: "/",
    env: { PATH: process.env["PATH"], HOME: "/" },
  });
  expect(ran.stderr.toString()).toBe("");
  return ran.stdout
    .toString()
    .split("\n")
    .filter((line) => line !== "")
    .sort();
}

/** The executable that is asked for names. */
const answer = (given: string) => `test "${given}" = "services --names" && printf "%s\\n" shop/db shop/web`;
const names = { posix: `twill() { ${answer("$*")}; }`, fish: `function twill; ${answer("$argv")}; end` };

/** What each shell offers for the last word of the line. */
const shells = {
  bash: async (line: string) => {
    const words = line.split(" ");
    const driver = `COMP_WORDS=(${words.map((word) => JSON.stringify(word)).join(" ")}); COMP_CWORD=${words.length - 1}; _twill; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return run(["bash", "--norc"], `${names.posix}\n${await scriptFor("bash")}\n${driver}`);
  },
  // Without a terminal zsh completes nothing: its builtins only print here, and the prefix is matched by hand.
  zsh: async (line: string) => {
    const words = line.split(" ");
    const last = words.at(-1) ?? "";
    const stubs = [
      "compdef() { :; }",
      "compadd() { print -rl -- $@; }",
      "_files() { [[ $1 = -/ ]] && print -rl -- /*(/:t) || print -rl -- /*(:t); }",
      "_describe() { local name=$@[-1]; print -rl -- $" + "{(P)name%%:*}; }",
    ];
    const driver = `words=(${words.map((word) => JSON.stringify(word)).join(" ")}); CURRENT=${words.length}; _twill`;
    const offered = run(["zsh", "-f"], `${names.posix}\n${stubs.join("\n")}\n${await scriptFor("zsh")}\n${driver}`);
    return offered.filter((word) => word.startsWith(last) && (last.startsWith("-") || !word.startsWith("-")));
  },
  fish: async (line: string) => {
    const offered = run(
      ["fish", "--no-config"],
      `${names.fish}\n${await scriptFor("fish")}\ncomplete --do-complete '${line}'`,
    );
    return offered.map((offer) => offer.replace(/\t.*/, "").replace(/\/$/, ""));
  },
} as const;

const rows: readonly (readonly [line: string, offers: readonly string[]])[] = [
  ["twill c", ["cni", "completion", "config"]],
  ["twill cni ", ["add", "check", "del", "gc", "status"]],
  ["twill cni s", ["status"]],
  ["twill help cni a", ["add"]],
  ["twill version --o", ["--output"]],
  ["twill version --output ", ["json", "text"]],
  ["twill version -o j", ["json"]],
  ["twill completion ", ["bash", "fish", "zsh"]],
  ["twill cni add --und", ["--undo"]],
  ["twill cni add --ifname eth1 --cont", ["--container-id"]],
  ["twill plugins --run-dir usr", ["usr"]],
  ["twill services sh", ["shop/db", "shop/web"]],
  ["twill cni --undo", []],
  ["twill nonsense ", []],
];
for (const [shell, complete] of Object.entries(shells)) {
  test.each(rows)(`${shell} completes '%s'`, async (line, offers) => {
    expect(await complete(line)).toEqual([...offers]);
  });
}
