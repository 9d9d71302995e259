// The repository's files as its rules see them: what git tracks or would track.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The project's folder, with a slash at its end. */
export const project: string = new URL("../../", import.meta.url).pathname;

export type SourceFile = { readonly path: string; readonly text: string };

/** The files below some folders (all, when none is named) whose names end in one of the endings. */
export function readTree(folders: readonly string[], endings: readonly string[]): readonly SourceFile[] {
  const files: SourceFile[] = [];
  for (const path of trackedPaths(folders)) {
    if (!endings.some((ending) => path.endsWith(ending))) continue;
    const text = readText(path);
    if (text !== undefined) files.push({ path, text });
  }
  return files;
}

/** Whether a path inside the project exists, as a file or as a folder. */
export function exists(path: string): boolean {
  return existsSync(join(project, path));
}

/** The text of a file, undefined when it went away between listing and reading. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(join(project, path), "utf8");
  } catch {
    return undefined;
  }
}

function trackedPaths(folders: readonly string[]): string[] {
  // The folder may belong to another user than the one who runs the tests: reading it is harmless.
  const git = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"];
  const listed = exists(".git") && Bun.which("git") !== null ? Bun.spawnSync(git, { cwd: project }) : undefined;
  if (listed !== undefined && listed.exitCode !== 0)
    throw new Error(`Cannot list the files: git says ${listed.stderr}`);
  const paths = listed === undefined ? allPaths() : listed.stdout.toString().split("\0");
  const inFolders = (path: string) => folders.length === 0 || folders.some((folder) => path.startsWith(`${folder}/`));
  return [...new Set(paths)].filter((path) => path !== "" && inFolders(path)).sort();
}

/** Without git, as in an unpacked archive: everything but what .gitignore names. */
function allPaths(): string[] {
  const paths = new Bun.Glob("**/*").scanSync({ cwd: project, dot: true });
  return [...paths].filter((path) => !/^(node_modules|dist|\.cache|\.git)\/|\.log$/.test(path));
}
