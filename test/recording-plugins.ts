// Foreign CNI plugins for tests of the runtime's side: shell scripts that write down each call and answer as they are told.

import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Json, JsonObject } from "#cni/json.ts";

/** One execution of a plugin, as it saw it. */
export type RecordedCall = {
  readonly type: string;
  readonly command: string;
  readonly containerId: string;
  readonly netns: string;
  readonly ifname: string;
  readonly args: string;
  readonly path: string;
  readonly stdin: JsonObject;
};

/** What a plugin answers one verb with. A text is printed as it is. */
export type Answer = { readonly stdout?: Json; readonly stderr?: string; readonly exitCode?: number };

/** The text comes from a runtime of ours, one line of JSON; a shell needs no parser to pass it on. */
const script = `#!/bin/sh
folder=\${0%/bin/*}
type=\${0##*/}
printf '{"type":"%s","command":"%s","containerId":"%s","netns":"%s","ifname":"%s","args":"%s","path":"%s","stdin":%s}\\n' \\
  "$type" "$CNI_COMMAND" "$CNI_CONTAINERID" "$CNI_NETNS" "$CNI_IFNAME" "$CNI_ARGS" "$CNI_PATH" "$(cat)" >> "$folder/calls"
answer=$folder/$type.$CNI_COMMAND
[ -f "$answer.stderr" ] && cat "$answer.stderr" >&2
[ -f "$answer.stdout" ] && cat "$answer.stdout"
[ -f "$answer.exit" ] && exit "$(cat "$answer.exit")"
exit 0
`;

/**
 * A folder with recording plugins, for one test.
 *
 *     using plugins = new RecordingPlugins("main", "meta");
 *     plugins.answer("main", "ADD", { stdout: { cniVersion: "1.1.0" } });
 */
export class RecordingPlugins {
  /** For whatever else the test needs; goes with the plugins. */
  readonly folder: string;
  /** What CNI_PATH is to be. */
  readonly bin: string;

  constructor(...types: readonly string[]) {
    this.folder = mkdtempSync(join(tmpdir(), "twill-recording-"));
    this.bin = join(this.folder, "bin");
    mkdirSync(this.bin);
    for (const type of types) {
      writeFileSync(join(this.bin, type), script);
      chmodSync(join(this.bin, type), 0o755);
    }
  }

  answer(type: string, command: string, { stdout, stderr, exitCode }: Answer): void {
    const file = join(this.folder, `${type}.${command}`);
    rmSync(`${file}.stdout`, { force: true });
    if (stdout !== undefined) {
      writeFileSync(`${file}.stdout`, typeof stdout === "string" ? stdout : JSON.stringify(stdout));
    }
    writeFileSync(`${file}.stderr`, stderr ?? "");
    writeFileSync(`${file}.exit`, String(exitCode ?? 0));
  }

  /** All calls up to now, oldest first. */
  calls(): readonly RecordedCall[] {
    const file = join(this.folder, "calls");
    if (!existsSync(file)) return [];
    return readFileSync(file, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as RecordedCall);
  }

  /** `ADD main eth0`, in order. */
  order(): readonly string[] {
    return this.calls().map(({ command, type, ifname }) => `${command} ${type}${ifname === "" ? "" : ` ${ifname}`}`);
  }

  forget(): void {
    rmSync(join(this.folder, "calls"), { force: true });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
