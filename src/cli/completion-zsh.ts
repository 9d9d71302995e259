// Completion for zsh.

import { type FlagPlace, namesQuestion, type Offer, type Place, quoted, type Values } from "./completion-place.ts";

/** For `source <(twill completion zsh)`, or as a file `_twill` in a folder of $fpath. */
export function zshCompletion(places: readonly Place[]): string {
  const paths = places.filter(({ path }) => path !== "").map(({ path }) => quoted(` ${path}`));
  const groups = places.filter(({ isGroup }) => isGroup).map(({ path }) => quoted(placeOf(path)));
  return `#compdef twill
# Completion of twill for zsh: source <(twill completion zsh)
_twill() {
  local place="" i
  local -a offers
  for ((i = 2; i < CURRENT; i++)); do
    case "$place $words[i]" in
      (${paths.join(" | ")}) place+=" $words[i]" ;;
      (*) break ;;
    esac
  done
  if ((i < CURRENT)); then
    case "$place" in
      (${groups.join(" | ")}) return ;;
    esac
  fi
  case "$place $words[CURRENT-1]" in
${places.flatMap(flagValues).join("\n")}
  esac
  case "$place" in
${places.map(offers).join("\n")}
  esac
}
if [ "$funcstack[1]" = _twill ]; then _twill "$@"; else compdef _twill twill; fi
`;
}

function flagValues({ path, flags }: Place): readonly string[] {
  return flags.flatMap(({ words, values }) => {
    if (values === undefined) return [];
    const patterns = words.map((word) => quoted(`${placeOf(path)} ${word}`));
    return [`    (${patterns.join(" | ")}) ${[...valueLines(values), "return"].join("; ")} ;;`];
  });
}

function offers({ path, commands, flags, values }: Place): string {
  const lines = [
    ...(commands.length === 0 ? [] : [`offers=(${described(commands)})`, "_describe command offers"]),
    ...valueLines(values),
    `offers=(${described(flags.flatMap(flagOffers))})`,
    "_describe -o flag offers",
  ];
  return `    (${quoted(placeOf(path))})\n${lines.map((line) => `      ${line}`).join("\n")} ;;`;
}

function valueLines({ words, complete }: Values): readonly string[] {
  const files = complete === "file" ? ["_files"] : complete === "folder" ? ["_files -/"] : [];
  const names = complete === "service" ? [`compadd \${(f)"$($words[1] ${namesQuestion})"}`] : [];
  return [...(words.length === 0 ? [] : [`compadd ${words.map(quoted).join(" ")}`]), ...names, ...files];
}

function flagOffers({ words, about }: FlagPlace): readonly Offer[] {
  return words.map((word) => ({ word, about }));
}

function described(all: readonly Offer[]): string {
  return all.map(({ word, about }) => quoted(`${word}:${about.replaceAll(":", "\\:")}`)).join(" ");
}

function placeOf(path: string): string {
  return path === "" ? "" : ` ${path}`;
}
