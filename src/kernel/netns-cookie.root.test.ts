// What the kernel knows network namespaces by.

import { expect, test } from "bun:test";
import { Sandbox } from "#test/sandbox.ts";
import { Netns } from "./netns.ts";
import { netnsCookie } from "./netns-cookie.ts";

test("netnsCookie() tells namespaces apart, the process's own among them, and stays", () => {
  using box = new Sandbox();
  const paths = ["/proc/self/ns/net", box.netns("a").path, box.netns("b").path];
  const cookies = paths.map((path) => {
    using netns = new Netns(path);
    expect(netnsCookie(netns)).toBe(netnsCookie(netns));
    return netnsCookie(netns);
  });
  expect(cookies[0]).toBe(netnsCookie());
  expect(new Set(cookies).size).toBe(3);
  expect(cookies).not.toContain(0n);
});
