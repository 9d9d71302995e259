// A guest that stays: commands are sent to it one by one, as to a machine that one is logged in to.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Netns, Sandbox, Started } from "../sandbox.ts";
import { needsTools } from "../tools.ts";
import { prefixLines, qemuCommand, script } from "./guest.ts";
import { buildInitrd } from "./initrd.ts";
import { guestKernel } from "./kernel.ts";
import { moduleFiles, networkModules } from "./modules.ts";

export type MachineOptions = {
  /** Where the virtual machine runs, and where the tap device is that its card is plugged into. */
  readonly netns: Netns;
  readonly tap: string;
  /** Its card's hardware address: two machines on one wire must not have the same. */
  readonly mac: string;
  /** Kernel modules beside `networkModules`. */
  readonly modules?: readonly string[];
};

export type MachineRun = { readonly exitCode: number; readonly output: string };

type Line = { readonly lines: AsyncGenerator<string>; readonly send: (text: string) => void };

const memMb = 1024;
const bootMs = 240_000;
const callMs = 180_000;
const tools = { "qemu-system-x86_64": "qemu-system-x86", busybox: "busybox-static", setpriv: "util-linux" };

/** Reads numbers from the second serial line, runs the files of these numbers, and answers with their exit codes. */
const obey = `
stty -F /dev/ttyS1 raw -echo clocal
exec 3<>/dev/ttyS1
echo ready >&3
while read -r number <&3; do
  sh /run/share/$number >/run/share/$number.out 2>&1 </dev/null 3>&-
  echo "$number $?" >&3
done`;

/** Goes with its sandbox. */
export class Machine {
  readonly #qemu: Started;
  /** Seen by the guest at /run/share. */
  readonly share: string;
  readonly #line: Line;
  #calls = 0;

  /** Boots, and resolves when commands can be sent. Throws with the console's output when that takes too long. */
  static async boot(box: Sandbox, { netns, tap, mac, modules = [] }: MachineOptions): Promise<Machine> {
    needsTools("boot the machine", tools);
    const kernel = guestKernel();
    const all = [...networkModules, ...modules];
    moduleFiles(kernel, all);
    const [share, folder] = [box.dir(), box.dir()];
    const [initrd, socket] = [join(folder, "initrd"), join(folder, "line")];
    writeFileSync(initrd, buildInitrd(kernel));
    writeFileSync(join(share, "project"), new URL("../../", import.meta.url).pathname.replace(/\/$/, ""));
    writeFileSync(join(share, "modules-root"), kernel.root);
    writeFileSync(join(share, "obey.sh"), obey);
    writeFileSync(join(share, "run.sh"), script(["sh", "/run/share/obey.sh"], all, {}));
    const more = [
      ...["-netdev", `tap,id=card,ifname=${tap},script=no,downscript=no`, "-set", `device.card0.mac=${mac}`],
      ...["-serial", `unix:${socket},server=on,wait=off`],
    ];
    const qemu = box.start(netns, qemuCommand({ kernel, initrd, share, memMb, more }));
    const machine = new Machine(qemu, share, await openLine(socket, qemu));
    await machine.#expect("ready", bootMs);
    return machine;
  }

  private constructor(qemu: Started, share: string, line: Line) {
    this.#qemu = qemu;
    this.share = share;
    this.#line = line;
  }

  /** Runs a script of sh(1), in the project's folder. Commands that it leaves in the background live on. */
  async run(text: string): Promise<MachineRun> {
    const number = `call${++this.#calls}`;
    writeFileSync(join(this.share, number), text);
    this.#line.send(`${number}\n`);
    const exitCode = Number((await this.#expect(`${number} `, callMs)).split(" ")[1]);
    return { exitCode, output: readFileSync(join(this.share, `${number}.out`), "utf8") };
  }

  /** Returns what the script writes; throws with it when the script fails. */
  async sh(text: string): Promise<string> {
    const { exitCode, output } = await this.run(text);
    if (exitCode !== 0)
      throw new Error(`In the machine this failed with ${exitCode}:\n${text}\n${prefixLines("guest| ", output)}`);
    return output;
  }

  async #expect(start: string, limitMs: number): Promise<string> {
    const late = Bun.sleep(limitMs).then(() => undefined);
    const next = await Promise.race([this.#line.lines.next(), late]);
    const line: unknown = next?.value;
    if (typeof line === "string" && line.startsWith(start)) return line;
    const printed = prefixLines("guest console| ", this.#qemu.output());
    throw new Error(
      `The machine does not answer "${start}" within ${limitMs / 1000} s, but ${String(line)}:\n${printed}`,
    );
  }
}

/** A line to the guest, once there is one. */
async function openLine(socket: string, qemu: Started): Promise<Line> {
  for (const end = Date.now() + bootMs; ; await Bun.sleep(5)) {
    try {
      return await connect(socket);
    } catch (cause) {
      if (Date.now() > end) throw new Error(`The machine does not start: ${qemu.output()}`, { cause });
    }
  }
}

async function connect(socket: string): Promise<Line> {
  const chunks: string[] = [];
  let wake = () => {};
  const connection = await Bun.connect({
    unix: socket,
    socket: {
      data: (_, bytes) => {
        chunks.push(new TextDecoder().decode(bytes));
        wake();
      },
    },
  });
  async function* lines(): AsyncGenerator<string> {
    for (let rest = ""; ; ) {
      const end = rest.indexOf("\n");
      if (end >= 0) {
        yield rest.slice(0, end).trimEnd();
        rest = rest.slice(end + 1);
        continue;
      }
      const chunk = chunks.shift();
      if (chunk === undefined) await new Promise<void>((resolve) => (wake = resolve));
      else rest += chunk;
    }
  }
  return { lines: lines(), send: (text: string) => void connection.write(text) };
}
