// The guest's kernel: Debian's own package, downloaded and unpacked once into the project's cache.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { needsTools } from "../tools.ts";

/** An unpacked kernel. */
export type Kernel = {
  /** As `uname -r` prints it. */
  readonly release: string;
  /** The compressed kernel image. */
  readonly image: string;
  /** What `modprobe -d` takes: the folder that holds `lib/modules/RELEASE`. */
  readonly root: string;
};

const cache = new URL("../../.cache/vm/", import.meta.url).pathname;
const metaPackage = "linux-image-amd64";
const downloadTimeoutMs = 300_000;

const tools = { "apt-get": "apt", "apt-cache": "apt", "dpkg-deb": "dpkg", depmod: "kmod", modprobe: "kmod" };

/**
 * The kernel in `.cache/vm`, fetched with apt when there is none. To move to a newer one, remove the folder.
 * Throws when the package lists do not know the kernel or its download is not what the lists promise.
 */
export function guestKernel(): Kernel {
  needsTools("prepare the guest's kernel", tools);
  mkdirSync(cache, { recursive: true });
  return cachedKernel() ?? fetchKernel();
}

function cachedKernel(): Kernel | undefined {
  for (const name of readdirSync(cache)
    .filter((entry) => entry.startsWith("linux-image-"))
    .sort()
    .reverse()) {
    const kernel = readKernel(join(cache, name));
    if (kernel !== undefined) return kernel;
  }
  return undefined;
}

function readKernel(root: string): Kernel | undefined {
  const modules = join(root, "lib/modules");
  const [release] = existsSync(modules) ? readdirSync(modules) : [];
  if (release === undefined) return undefined;
  const image = join(root, "boot", `vmlinuz-${release}`);
  const whole = existsSync(image) && existsSync(join(modules, release, "modules.dep.bin"));
  return whole ? { release, image, root } : undefined;
}

function fetchKernel(): Kernel {
  const name = concretePackage();
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
    const [release] = readdirSync(join(root, "lib/modules"));
    if (release === undefined) throw new Error(`The package ${name} holds no kernel modules`);
    must(["depmod", "--basedir", root, release], scratch);
    const home = join(cache, archive.replace(/\.deb$/, ""));
    // The rename comes last: a folder of this name is always whole. A run beside this one may have been faster.
    if (!existsSync(home)) renameSync(root, home);
    const kernel = readKernel(home);
    if (kernel === undefined) throw new Error(`The package ${name} holds no kernel that could be booted: see ${home}`);
    return kernel;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The package that the meta package points to: its name carries the release and changes with each security update. */
function concretePackage(): string {
  const depends = must(["apt-cache", "depends", metaPackage], cache);
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (name === undefined) {
    throw new Error(`Cannot find the package behind ${metaPackage}: apt's lists do not know it, run apt-get update`);
  }
  return name;
}

function verify(name: string, archive: string): void {
  const stanzas = must(["apt-cache", "show", name], cache);
  const digest = new Bun.CryptoHasher("sha256").update(readFileSync(archive)).digest("hex");
  if (stanzas.includes(`SHA256: ${digest}`)) return;
  throw new Error(
    `Cannot use ${archive}: ${statSync(archive).size} bytes with SHA256 ${digest}, apt's lists say otherwise`,
  );
}

function must(command: readonly string[], cwd: string): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], {
    cwd,
    env: { ...process.env, LC_ALL: "C.UTF-8" },
    timeout: downloadTimeoutMs,
    killSignal: "SIGKILL",
  });
  if (exitCode !== 0) throw new Error(`${command.join(" ")} failed with ${exitCode}: ${stderr.toString().trim()}`);
  return stdout.toString();
}
