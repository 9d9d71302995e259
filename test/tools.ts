// The programs that tests need beside the project: a missing one fails the test with the package that brings it.

/** Program names and the Debian package of each. */
export type Tools = Readonly<Record<string, string>>;

const sbin = "/usr/sbin:/sbin";

/** Throws one sentence that names every missing program and the packages to install. */
export function needsTools(purpose: string, tools: Tools): void {
  const path = `${process.env["PATH"] ?? "/usr/bin:/bin"}:${sbin}`;
  const missing = Object.keys(tools).filter((name) => Bun.which(name, { PATH: path }) === null);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((name) => tools[name]))].join(" ");
  throw new Error(`Cannot ${purpose}: ${missing.join(", ")} not found, run make setup or apt-get install ${packages}`);
}
