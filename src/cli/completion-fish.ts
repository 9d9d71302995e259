// Completion for fish.

import { type FlagPlace, namesQuestion, type Place, quoted, type Values } from "./completion-place.ts";

/** For `twill completion fish | source`, or as a file of ~/.config/fish/completions. */
export function fishCompletion(places: readonly Place[]): string {
  const paths = places.filter(({ path }) => path !== "").map(({ path }) => quoted(path));
  const groups = places.filter(({ isGroup }) => isGroup).map(({ path }) => quoted(path));
  return `# Completion of twill for fish: twill completion fish | source
function __twill_at --description 'Whether the names of commands typed so far are these'
    set --local place
    for word in (commandline --tokenize --cut-at-cursor --current-process)[2..]
        if contains -- (string join -- ' ' $place $word) ${paths.join(" ")}
            set --append place $word
        else if contains -- "$place" ${groups.join(" ")}
            return 1
        else
            break
        end
    end
    test "$place" = "$argv[1]"
end
complete --command twill --no-files
${places.flatMap(linesOf).join("\n")}
`;
}

function linesOf({ path, commands, flags, values }: Place): readonly string[] {
  const at = `complete --command twill --condition ${quoted(`__twill_at ${quoted(path)}`)}`;
  return [
    ...commands.map(({ word, about }) => `${at} --arguments ${word} --description ${quoted(about)}`),
    ...argumentLine(at, values),
    ...flags.map((flag) => `${at} ${flagWords(flag)} --description ${quoted(flag.about)}`),
  ];
}

function argumentLine(at: string, values: Values): readonly string[] {
  const options = optionsOf(values);
  return options === "" ? [] : [`${at} ${options}`];
}

function flagWords({ words, values }: FlagPlace): string {
  const names = words.map((word) =>
    word.startsWith("--") ? `--long-option ${word.slice(2)}` : `--short-option ${word.slice(1)}`,
  );
  if (values === undefined) return names.join(" ");
  // Exclusive: no files beside the values.
  return [...names, values.complete === "file" ? "--require-parameter" : "--exclusive", optionsOf(values)]
    .filter((part) => part !== "")
    .join(" ");
}

function optionsOf({ words, complete }: Values): string {
  if (complete === "file") return "--force-files";
  if (complete === "folder") return "--arguments '(__fish_complete_directories)'";
  if (complete === "service") return `--arguments '(twill ${namesQuestion})'`;
  return words.length === 0 ? "" : `--arguments ${quoted(words.join(" "))}`;
}
