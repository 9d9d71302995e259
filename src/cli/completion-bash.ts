// Completion for bash.

import { namesQuestion, type Place, type Values } from "./completion-place.ts";

/** For `source <(twill completion bash)`. */
export function bashCompletion(places: readonly Place[]): string {
  const paths = places.filter(({ path }) => path !== "").map(({ path }) => `" ${path}"`);
  const groups = places.filter(({ isGroup }) => isGroup).map(({ path }) => `"${placeOf(path)}"`);
  return `# Completion of twill for bash: source <(twill completion bash)
_twill() {
  local word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} place= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$place \${COMP_WORDS[i]}" in
      ${paths.join(" | ")}) place+=" \${COMP_WORDS[i]}" ;;
      *) break ;;
    esac
  done
  if ((i < COMP_CWORD)); then
    case "$place" in
      ${groups.join(" | ")}) COMPREPLY=(); return ;;
    esac
  fi
  # "--output=j" comes as three words.
  [[ $word == "=" ]] && word=
  [[ $previous == "=" ]] && previous=\${COMP_WORDS[COMP_CWORD-2]}
  case "$place $previous" in
${places.flatMap(flagValues).join("\n")}
  esac
  case "$place" in
${places.map(offers).join("\n")}
  esac
}
complete -F _twill twill
`;
}

function flagValues({ path, flags }: Place): readonly string[] {
  return flags.flatMap(({ words, values }) => {
    if (values === undefined) return [];
    const patterns = words.map((word) => `"${placeOf(path)} ${word}"`);
    return [`    ${patterns.join(" | ")}) ${replies([], values)}; return ;;`];
  });
}

function offers({ path, commands, flags, values }: Place): string {
  const flagWords = flags.flatMap(({ words }) => words);
  const plain = replies(
    commands.map(({ word }) => word),
    values,
  );
  return `    "${placeOf(path)}") if [[ $word == -* ]]; then ${compgen(`-W "${flagWords.join(" ")}"`)}; else ${plain}; fi ;;`;
}

function replies(commands: readonly string[], { words, complete }: Values): string {
  const all = [...commands, ...words];
  const options = [
    ...(all.length === 0 ? [] : [`-W "${all.join(" ")}"`]),
    ...(complete === "service" ? [`-W "$("\${COMP_WORDS[0]}" ${namesQuestion})"`] : []),
    ...(complete === "file" ? ["-f"] : complete === "folder" ? ["-d"] : []),
  ];
  // Names of files may hold blanks; the shell marks folders itself.
  const mark = complete !== "file" && complete !== "folder" ? "" : "compopt -o filenames 2>/dev/null; ";
  return options.length === 0 ? "COMPREPLY=()" : `${mark}${compgen(options.join(" "))}`;
}

function compgen(options: string): string {
  return `mapfile -t COMPREPLY < <(compgen ${options} -- "$word")`;
}

function placeOf(path: string): string {
  return path === "" ? "" : ` ${path}`;
}
