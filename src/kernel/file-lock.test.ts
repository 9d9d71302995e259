// File locks: one holder at a time, in one process or several, and nobody waits for ever.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isErrno } from "./errno.ts";
import { lockFile } from "./file-lock.ts";

const sleep = (ms: number) => Bun.sleep(ms);

function folder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "twill-lock-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

test("lockFile() lets one caller in after the other", async () => {
  using dir = folder();
  let inside = 0;
  let turns = 0;
  await Promise.all(
    Array.from({ length: 10 }, async () => {
      using _lock = await lockFile(`${dir.path}/lock`, { sleep });
      expect(++inside).toBe(1);
      await Bun.sleep(1);
      inside--;
      turns++;
    }),
  );
  expect(turns).toBe(10);
});

test("lockFile() excludes other processes' flock, and theirs excludes ours until the patience ends", async () => {
  using dir = folder();
  const path = `${dir.path}/lock`;
  const tryTheirs = () => Bun.spawnSync(["flock", "--nonblock", path, "true"]).exitCode;
  {
    using _lock = await lockFile(path, { sleep });
    expect(tryTheirs()).toBe(1);
  }
  expect(tryTheirs()).toBe(0);
  const holder = Bun.spawn(["sh", "-c", `exec 9>"${path}"; flock 9; echo held; exec sleep 5`], { stdout: "pipe" });
  await holder.stdout.getReader().read();
  const error = await lockFile(path, { sleep, patienceMs: 20 }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(isErrno(error, "EAGAIN")).toBe(true);
  expect(String(error)).toContain(`Cannot lock ${path} within 20 ms: EAGAIN (another process holds it`);
  holder.kill("SIGKILL");
  await holder.exited;
  using _lock = await lockFile(path, { sleep });
});

test("lockFile() says so when the folder is missing", async () => {
  using dir = folder();
  const reason = await lockFile(`${dir.path}/none/lock`, { sleep }).catch((error: unknown) => error);
  expect(isErrno(reason, "ENOENT")).toBe(true);
});
