// A container image made of busybox alone, without a registry or a builder: what `docker save` would write.
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The image's name. With a host in it, or the runtimes would look for it at docker.io. */
export const imageName = "localhost/twill/busybox:1";

/** Sleeps unless told otherwise, so it serves as the pause image too. */
const defaultCommand = ["/bin/sleep", "2147483647"];

/** Writes the image's archive into an empty folder and returns its path. */
export function buildImage(folder: string): string {
  const root = join(folder, "root");
  for (const name of ["bin", "dev", "etc", "proc", "root", "sys", "tmp"])
    mkdirSync(join(root, name), { recursive: true });
  cpSync("/bin/busybox", join(root, "bin/busybox"));
  for (const applet of must(["/bin/busybox", "--list"])
    .trim()
    .split("\n")
    .filter((name) => name !== "busybox")) {
    symlinkSync("busybox", join(root, "bin", applet));
  }
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  writeFileSync(join(root, "etc/group"), "root:x:0:\n");
  const owner = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
  must(["tar", ...owner, "-C", root, "-cf", join(folder, "layer.tar"), "."]);
  writeFileSync(join(folder, "config.json"), JSON.stringify(config(digestOf(join(folder, "layer.tar")))));
  const manifest = [{ Config: "config.json", RepoTags: [imageName], Layers: ["layer.tar"] }];
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest));
  const archive = join(folder, "image.tar");
  must(["tar", ...owner, "-C", folder, "-cf", archive, "manifest.json", "config.json", "layer.tar"]);
  return archive;
}

function config(layerDigest: string): object {
  return {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config: { Env: ["PATH=/bin"], Cmd: defaultCommand, WorkingDir: "/" },
    rootfs: { type: "layers", diff_ids: [`sha256:${layerDigest}`] },
  };
}

function digestOf(path: string): string {
  return new Bun.CryptoHasher("sha256").update(readFileSync(path)).digest("hex");
}

function must(command: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command]);
  if (exitCode !== 0) throw new Error(`${command.join(" ")} failed with ${exitCode}: ${stderr.toString().trim()}`);
  return stdout.toString();
}
