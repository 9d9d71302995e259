// Real kubectls: Debian's, unpacked into the cache, and whatever newer ones the machine has.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { unpackedPackage } from "../debian-package.ts";
import { ownPrefix } from "../owner.ts";

const cache = new URL("../../.cache/kubectl/", import.meta.url).pathname;
/** Where Google's packages put one kubectl for each minor version. */
const otherFolder = "/usr/lib/google-cloud-sdk/bin";
const timeoutMs = 60_000;

export type KubectlVersion = { readonly minor: number; readonly path: string };

/** Debian's first; it is the oldest (1.20), and the only one that is there on every machine. */
export function kubectlVersions(): readonly KubectlVersion[] {
  const debian = join(unpackedPackage("kubernetes-client", cache), "usr/bin/kubectl");
  const others = existsSync(otherFolder) ? readdirSync(otherFolder) : [];
  const newer = others.flatMap((name) => {
    const minor = /^kubectl\.1\.(\d+)$/.exec(name)?.[1];
    return minor === undefined ? [] : [{ minor: Number(minor), path: join(otherFolder, name) }];
  });
  return [{ minor: 20, path: debian }, ...newer.toSorted((a, b) => a.minor - b.minor)];
}

/** The others see what these see. */
export function oldestAndNewest(versions: readonly KubectlVersion[]): readonly KubectlVersion[] {
  return versions.filter((_, index) => index === 0 || index === versions.length - 1);
}

export type KubectlResult = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/** A command that lives for milliseconds needs neither threads nor its garbage collected: it takes half the time. */
const quick = { GOMAXPROCS: "1", GOGC: "off" };

export type RunOptions = {
  readonly input?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
};

/** One kubectl with a home folder of its own: nothing is cached from one to the next. */
export class Kubectl implements Disposable {
  readonly minor: number;
  readonly #path: string;
  readonly #home = mkdtempSync(join(tmpdir(), `${ownPrefix()}0-kubectl-`));

  /** `kubeconfig` is its text. */
  constructor({ minor, path }: KubectlVersion, kubeconfig: string) {
    this.minor = minor;
    this.#path = path;
    writeFileSync(join(this.#home, "config"), kubeconfig);
  }

  /** Runs a command; `input` goes to its standard input. */
  async run(args: readonly string[], { input, env = {} }: RunOptions = {}): Promise<KubectlResult> {
    const path = process.env["PATH"] ?? "/usr/bin:/bin";
    const child = Bun.spawn([this.#path, ...args], {
      env: {
        ...quick,
        HOME: this.#home,
        KUBECONFIG: join(this.#home, "config"),
        PATH: path,
        LC_ALL: "C.UTF-8",
        ...env,
      },
      cwd: this.#home,
      stdin: input === undefined ? "ignore" : Buffer.from(input),
      stdout: "pipe",
      stderr: "pipe",
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { exitCode, stdout, stderr };
  }

  /** A file in the folder that commands run in. */
  file(name: string, text: string): void {
    const path = join(this.#home, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  [Symbol.dispose](): void {
    rmSync(this.#home, { recursive: true, force: true });
  }
}
