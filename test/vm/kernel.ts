// The guest's kernel: Debian's own package, unpacked once into the project's cache.
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { must, unpackedPackage } from "../debian-package.ts";
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

const tools = { "apt-cache": "apt", depmod: "kmod", modprobe: "kmod" };

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
  const home = unpackedPackage(name, cache, (root) => {
    const [release] = readdirSync(join(root, "lib/modules"));
    if (release === undefined) throw new Error(`The package ${name} holds no kernel modules`);
    must(["depmod", "--basedir", root, release], root);
  });
  const kernel = readKernel(home);
  if (kernel === undefined) throw new Error(`The package ${name} holds no kernel that could be booted: see ${home}`);
  return kernel;
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
