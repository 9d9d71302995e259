// The guest's initial file system: a shell, a few modules and a script, as the archive that the kernel unpacks.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { Kernel } from "./kernel.ts";
import { bootModules, moduleFiles } from "./modules.ts";

type Entry = { readonly path: string; readonly mode: number; readonly data: Uint8Array };

const folder = 0o040755;
const executable = 0o100755;
const none = new Uint8Array(0);

/** The archive, uncompressed: unpacking costs an emulated processor more than reading. */
export function buildInitrd(kernel: Kernel): Uint8Array {
  const modules = moduleFiles(kernel, bootModules);
  const order = modules.map((file) => `/modules/${basename(file)}\n`).join("");
  return cpio([
    ...["bin", "dev", "modules", "host", "proc", "root", "rw", "share", "sys"].map((path) => ({
      path,
      mode: folder,
      data: none,
    })),
    { path: "bin/busybox", mode: executable, data: readFileSync("/bin/busybox") },
    { path: "init", mode: executable, data: readFileSync(new URL("init.sh", import.meta.url)) },
    { path: "modules/order", mode: executable, data: Buffer.from(order) },
    ...modules.map((file) => ({ path: `modules/${basename(file)}`, mode: executable, data: readFileSync(file) })),
  ]);
}

/** The "newc" format of the kernel's Documentation/driver-api/early-userspace/buffer-format.rst. */
function cpio(entries: readonly Entry[]): Uint8Array {
  const trailer = { path: "TRAILER!!!", mode: 0, data: none };
  return Buffer.concat([...entries, trailer].flatMap(encodeEntry));
}

function encodeEntry({ path, mode, data }: Entry, index: number): Uint8Array[] {
  const name = Buffer.from(`${path}\0`);
  const links = 1;
  // ino mode uid gid nlink mtime filesize maj min rmaj rmin namesize chksum, each as eight hexadecimal digits
  const fields = [index + 1, mode, 0, 0, links, 0, data.length, 0, 0, 0, 0, name.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
  return [...padded(Buffer.concat([Buffer.from(header), name])), ...padded(data)];
}

function padded(bytes: Uint8Array): Uint8Array[] {
  return [bytes, new Uint8Array(-bytes.length & 3)];
}
