// A virtual machine with Debian's kernel, for what the host's kernel lacks: runs one command and is gone.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Sandbox, type Started } from "../sandbox.ts";
import { needsTools } from "../tools.ts";
import { buildInitrd } from "./initrd.ts";
import { guestKernel, type Kernel } from "./kernel.ts";
import { moduleFiles, networkModules } from "./modules.ts";

export type GuestOptions = {
  /** The program and its arguments, run by root in the project's folder, with the host's files below it. */
  readonly command: readonly string[];
  /** Added to PATH, HOME and LC_ALL. */
  readonly env?: Readonly<Record<string, string>>;
  /** Kernel modules to load before the command; those of `networkModules` unless given. */
  readonly modules?: readonly string[];
  /** The virtual machine is killed after this time; two minutes unless given. */
  readonly timeoutMs?: number;
  readonly memMb?: number;
};

export type GuestRun = {
  readonly exitCode: number;
  /** What the command wrote to stdout and stderr. */
  readonly output: string;
  /** What the command left in `guestResultFile`; undefined when it wrote none. */
  readonly result: string | undefined;
  /** As `uname -r` prints it in the guest. */
  readonly kernel: string;
  /** From the start of the virtual machine to its end. */
  readonly seconds: number;
};

/** Where a command in the guest writes what it wants to hand back as a whole, such as a test report. */
export const guestResultFile = "/run/share/result";

const project = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");
const tools = { "qemu-system-x86_64": "qemu-system-x86", busybox: "busybox-static", setpriv: "util-linux" };
const defaultTimeoutMs = 120_000;
const defaultMemMb = 1536;

/**
 * Boots a guest, runs the command, and takes the guest away. The exit code is data; a guest that does not come to
 * run the command, or does not end in time, is an error that carries all it printed.
 */
export async function runInGuest(options: GuestOptions): Promise<GuestRun> {
  needsTools("boot the guest", tools);
  const kernel = guestKernel();
  const modules = options.modules ?? networkModules;
  moduleFiles(kernel, modules); // Missing modules are told here by name; in the guest they would be a line among many.
  using box = new Sandbox();
  const share = box.dir();
  const initrd = join(box.dir(), "initrd");
  writeFileSync(initrd, buildInitrd(kernel));
  writeFileSync(join(share, "project"), project);
  writeFileSync(join(share, "modules-root"), kernel.root);
  writeFileSync(join(share, "run.sh"), script(options.command, modules, options.env ?? {}));
  const startedAt = performance.now();
  const memMb = options.memMb ?? defaultMemMb;
  // A card without a wire, for tests that want a real device.
  const card = ["-netdev", "hubport,id=card,hubid=0"];
  const qemu = box.start(box.netns("guest"), qemuCommand({ kernel, initrd, share, memMb, more: card }));
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const ended = await endsWithin(qemu, timeoutMs);
  const seconds = (performance.now() - startedAt) / 1000;
  const output = read(join(share, "output")) ?? "";
  const exitCode = Number.parseInt(read(join(share, "exit-code")) ?? "", 10);
  if (!ended || Number.isNaN(exitCode)) {
    const what = ended ? `ended without running it to its end` : `did not end within ${timeoutMs / 1000} s`;
    const printed = prefixLines("guest console| ", qemu.output()) + prefixLines("guest| ", output);
    throw new Error(`Cannot run ${options.command.join(" ")} in the guest: it ${what}, and printed:\n${printed}`);
  }
  return { exitCode, output, result: read(join(share, "result")), kernel: kernel.release, seconds };
}

/** Marks each line, so that a reader tells the guest's words from the host's. */
export function prefixLines(prefix: string, text: string): string {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => `${prefix}${line}\n`)
    .join("");
}

type Hardware = {
  readonly kernel: Kernel;
  readonly initrd: string;
  /** A folder of the host that the guest writes to. */
  readonly share: string;
  readonly memMb: number;
  /** Further arguments; among them the other end of network device `card`. */
  readonly more: readonly string[];
};

/** What starts a guest; its console is the process's output. */
export function qemuCommand({ kernel, initrd, share, memMb, more }: Hardware): string[] {
  const kernelArguments = "console=ttyS0 quiet panic=-1 mitigations=off nokaslr random.trust_cpu=on";
  return [
    // A killed test run takes its guest with it at once, not only when the next run sweeps.
    ...["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64"],
    // KVM is not tried: where nested virtualisation is only half there, the guest hangs instead of failing.
    // The lesser processor models lack instructions that Bun uses, and a second processor slows the emulation down.
    ...["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "1", "-m", String(memMb)],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio"],
    ...["-device", "virtio-rng-pci", "-device", "virtio-net-pci,id=card0,netdev=card,romfile="],
    ...["-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"],
    ...["-virtfs", `local,path=${share},mount_tag=share,security_model=none`],
    ...["-kernel", kernel.image, "-initrd", initrd, "-append", kernelArguments],
    ...more,
  ];
}

/** What the guest runs once it sees the host's files. */
export function script(
  command: readonly string[],
  modules: readonly string[],
  env: Readonly<Record<string, string>>,
): string {
  const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const variables = Object.entries({ PATH: path, HOME: "/root", LC_ALL: "C.UTF-8", ...env });
  return [
    `export ${variables.map(([name, value]) => `${name}=${quote(value)}`).join(" ")}`,
    `modprobe --all ${modules.map(quote).join(" ")} || exit 125`,
    `ip link set lo up && cd ${quote(project)} || exit 125`,
    `exec ${command.map(quote).join(" ")}`,
    "",
  ].join("\n");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

async function endsWithin(qemu: Started, timeoutMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, timeoutMs, false);
  try {
    return await Promise.race([qemu.exited.then(() => true), promise]);
  } finally {
    clearTimeout(timer);
  }
}

function read(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}
