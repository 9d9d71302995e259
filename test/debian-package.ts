// Debian packages that are unpacked instead of installed: downloaded once into the project's cache, checked against apt's lists.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { needsTools } from "./tools.ts";

const downloadTimeoutMs = 300_000;
const tools = { "apt-get": "apt", "apt-cache": "apt", "dpkg-deb": "dpkg" };

/**
 * The folder below `cache` that holds a package's files, fetched with apt when there is none; `prepare` runs once in the unpacked files.
 * To move to a newer version, remove the folder. Throws when apt's lists do not know the package, or promise other bytes.
 */
export function unpackedPackage(name: string, cache: string, prepare: (root: string) => void = () => {}): string {
  mkdirSync(cache, { recursive: true });
  const known = readdirSync(cache).filter((entry) => entry.startsWith(`${name}_`));
  const newest = known.sort().at(-1);
  return newest === undefined ? fetchPackage(name, cache, prepare) : join(cache, newest);
}

function fetchPackage(name: string, cache: string, prepare: (root: string) => void): string {
  needsTools(`fetch the Debian package ${name}`, tools);
  const scratch = join(cache, `fetch-${process.pid}`);
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch);
  try {
    // apt checks the archive against its signed lists; its own unprivileged user cannot write into the cache.
    must(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", name], scratch);
    const [archive] = readdirSync(scratch);
    if (archive === undefined) throw new Error(`apt-get download ${name} left no file`);
    verify(name, join(scratch, archive));
    const root = join(scratch, "root");
    must(["dpkg-deb", "--extract", archive, root], scratch);
    prepare(root);
    const home = join(cache, archive.replace(/\.deb$/, ""));
    // The rename comes last: a folder of this name is always whole. A run beside this one may have been faster.
    if (!existsSync(home)) renameSync(root, home);
    return home;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function verify(name: string, archive: string): void {
  const stanzas = must(["apt-cache", "show", name], "/");
  const digest = new Bun.CryptoHasher("sha256").update(readFileSync(archive)).digest("hex");
  if (stanzas.includes(`SHA256: ${digest}`)) return;
  throw new Error(
    `Cannot use ${archive}: ${statSync(archive).size} bytes with SHA256 ${digest}, apt's lists say otherwise`,
  );
}

/** What a command prints. Throws with what it complained of. */
export function must(command: readonly string[], cwd: string): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], {
    cwd,
    env: { ...process.env, LC_ALL: "C.UTF-8" },
    timeout: downloadTimeoutMs,
    killSignal: "SIGKILL",
  });
  if (exitCode !== 0) throw new Error(`${command.join(" ")} failed with ${exitCode}: ${stderr.toString().trim()}`);
  return stdout.toString();
}
