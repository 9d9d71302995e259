// What the lab's commands say of bad input.

import { describe, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { groupOf, TestLabs } from "#test/lab.ts";

const limitMs = 180_000;

describe("twill lab says what is wrong with", () => {
  test("a port that is in use", async () => {
    await using labs = await TestLabs.open();
    const server = createServer().listen(0, "127.0.0.1");
    const address = server.address();
    const port = typeof address === "object" ? String(address?.port) : "";
    const { exitCode, stderr } = labs.run("up", labs.name(), "--port", port);
    server.close();
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      `twill lab up: Cannot listen on 127.0.0.1:${port}: the port is in use; choose another with --port\n`,
    );
  });

  test(
    "a name that a lab of another folder has",
    async () => {
      await using labs = await TestLabs.open();
      await using others = await TestLabs.open();
      const lab = others.name();
      others.ok("up", lab, "--nodes", "1");
      expect(labs.run("up", lab).stderr).toContain(
        `processes of another one of that name run in ${groupOf(lab)}; end them`,
      );
      expect(others.broken(lab)).toEqual([]);
    },
    limitMs,
  );

  test("a user who is not root", () => {
    const command = ["setpriv", "--reuid=65534", "--clear-groups", resolve("dist/twill"), "lab", "up"];
    const { exitCode, stderr } = Bun.spawnSync(command);
    expect(stderr.toString()).toBe(
      "twill lab up: Cannot make network namespaces as user 65534: run it as root, with sudo\n",
    );
    expect(exitCode).toBe(1);
  });

  test("a name that a file has", async () => {
    await using labs = await TestLabs.open();
    const lab = labs.name();
    writeFileSync(join(labs.folder, lab), "");
    expect(labs.run("up", lab).stderr).toBe(
      `twill lab up: Cannot make the lab's folder ${join(labs.folder, lab)}: a file is in the way, choose another name\n`,
    );
  });

  const rows: readonly (readonly [what: string, words: readonly string[], sentence: string])[] = [
    ["a bad name", ["up", "No_Good"], 'Cannot use "No_Good" as the name of a lab'],
    ["too many nodes", ["up", "NAME", "--nodes", "999"], "Cannot make a lab of 999 nodes: it has 1 to 200"],
    ["an unknown family", ["up", "NAME", "--family", "ipv5"], "--family must be one of ipv4, ipv6, dual"],
    ["a conflist that is not there", ["up", "NAME", "--cni", "/nowhere"], "Cannot use /nowhere as a conflist"],
    ["a conflist that is none", ["up", "NAME", "--cni", "/dev/null"], "Cannot use /dev/null as a conflist"],
    ["a lab that is not there", ["status", "NAME"], 'Cannot find lab "NAME": start it with twill lab up NAME'],
    ["a node of no lab", ["node", "stop", "--lab", "NAME", "node1"], 'Cannot find lab "NAME"'],
    ["a share over all", ["wire", "loss", "a", "b", "101%"], "SHARE must be a share of 0% to 100%"],
  ];
  for (const [what, words, sentence] of rows) {
    test(what, async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      const { exitCode, stderr } = labs.run(...words.map((word) => (word === "NAME" ? lab : word)));
      expect(exitCode).not.toBe(0);
      expect(stderr).toContain(sentence.replaceAll("NAME", lab));
      expect(stderr.trim().split("\n").length).toBe(1);
      expect(existsSync(join(labs.folder, lab))).toBe(false);
    });
  }

  test(
    "what a lab that is up cannot do",
    async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      labs.ok("up", lab, "--nodes", "2");
      const sentences: readonly (readonly [readonly string[], string])[] = [
        [["up", lab, "--nodes", "1"], "remove some with twill lab node remove"],
        [["up", lab, "--family", "ipv6"], "it has family ipv4, not ipv6; take it down first, or name another"],
        [["node", "add", "--lab", lab, "node1"], "has one of that name; choose another"],
        [["node", "add", "--lab", lab, "switch"], "the lab has a part of that name"],
        [["node", "stop", "--lab", lab, "node9"], "its nodes are node1, node2"],
        [["wire", "cut", "--lab", lab, "node1", "node9"], "its nodes are node1, node2"],
        [["wire", "cut", "--lab", lab, "node1", "node1"], "name two nodes"],
        [["shell", "--lab", lab, "nobody"], "it is no pod of namespace default, and no part of the lab"],
      ];
      for (const [words, sentence] of sentences) expect(labs.run(...words).stderr).toContain(sentence);
      labs.ok("node", "crash", "--lab", lab, "node2");
      expect(labs.run("shell", "--lab", lab, "node2").stderr).toContain("start it with twill lab node start node2");
    },
    limitMs,
  );
});
