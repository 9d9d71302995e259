// Sysctl keys and the administrator's list.
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cniErrorOf } from "#test/thrown.ts";
import { requireAllowed, sameValue, toSysctl } from "./sysctl.ts";

describe("toSysctl()", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["net.ipv4.ip_forward", "net/ipv4/ip_forward"],
    ["net/ipv4/ip_forward", "net/ipv4/ip_forward"],
    ["net.ipv4.conf.IFNAME.arp_filter", "net/ipv4/conf/eth0.5/arp_filter"],
    ["net.ipv4.conf.IFNAME.IFNAME", "net/ipv4/conf/eth0.5/IFNAME"],
  ];
  for (const [key, path] of rows) {
    test(`${key} is ${path}`, () => {
      expect(toSysctl(key, "1", "eth0.5")).toEqual({ key, path, value: "1" });
    });
  }
  for (const key of ["kernel.x", "net", "net/../kernel/x", "net..ipv4", "/net/ipv4/x", "network.x", ""]) {
    test(`refuses ${JSON.stringify(key)}`, () => {
      expect(cniErrorOf(() => toSysctl(key, "1", "eth0")).message).toContain("invalid net sysctl key");
    });
  }
});

describe("requireAllowed()", () => {
  const sysctls = [toSysctl("net.ipv4.ip_forward", "1", "eth0")];
  const rows: readonly (readonly [string, boolean])[] = [
    ["^net.ipv4.ip_forward$\n", true],
    ["^net.core\n\n  ^net.ipv4  \n", true],
    ["forward", true],
    ["^net.ipv6\n", false],
    ["\n\n", false],
  ];
  for (const [text, allowed] of rows) {
    test(`${JSON.stringify(text)} ${allowed ? "allows" : "forbids"} net.ipv4.ip_forward`, () => {
      withFile(text, (path) => {
        if (allowed) requireAllowed(sysctls, path);
        else expect(cniErrorOf(() => requireAllowed(sysctls, path)).message).toContain("is not allowed by");
      });
    });
  }
  test("names a line that is no regular expression", () => {
    withFile("^net\n(", (path) => {
      expect(cniErrorOf(() => requireAllowed(sysctls, path)).message).toContain('the line "("');
    });
  });
  test("allows everything without the file", () => {
    requireAllowed(sysctls, "/nowhere/allowlist.conf");
  });
});

test("sameValue() does not mind blanks", () => {
  expect(sameValue("4096\t131072\t6291456\n", "4096 131072 6291456")).toBe(true);
  expect(sameValue("1", "0")).toBe(false);
});

function withFile(text: string, use: (path: string) => void): void {
  const dir = mkdtempSync(join(tmpdir(), "twill-allowlist-"));
  try {
    writeFileSync(join(dir, "list"), text);
    use(join(dir, "list"));
  } finally {
    rmSync(dir, { recursive: true });
  }
}
