// Wires that are cut, lossy and slow.

import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestLabs } from "#test/lab.ts";

const limitMs = 180_000;

describe("twill lab wire", () => {
  for (const underlay of ["l2", "l3"]) {
    test(
      `wires over ${underlay} are cut, healed, lossy and slow, for routed packets as well`,
      async () => {
        await using labs = await TestLabs.open();
        const lab = labs.name();
        labs.ok("up", lab, "--family", "dual", "--underlay", underlay);
        const [two, two6, three] =
          underlay === "l2"
            ? ["172.30.0.12", "fd00:30::12", "172.30.0.13"]
            : ["172.30.12.10", "fd00:30:2::10", "172.30.13.10"];
        // As a pod's: an address behind a node, that the switch routes to.
        const pod = (await labs.blocksOf(lab, "node2"))[0]?.replace("0/24", "9") ?? "";
        labs.inside(lab, "node2", "ip", "address", "add", pod, "dev", "lo");
        expect(await labs.reaches(lab, "node1", pod)).toBe(true);
        labs.ok("wire", "cut", "--lab", lab, "node1", "node2");
        const cut = [two, two6, pod].map((address) => labs.pings(lab, "node1", address));
        expect(cut).toEqual([false, false, false]);
        expect(await labs.reaches(lab, "node2", three)).toBe(true);
        expect(labs.status(lab).wires).toEqual(["node1 - node2: cut"]);
        labs.ok("wire", "heal", "--lab", lab, "node2", "node1");
        // Neighbours that were asked in vain are asked again within a second.
        for (const address of [two, two6, pod]) {
          expect(await labs.reaches(lab, "node1", address)).toBe(true);
        }
        labs.ok("wire", "loss", "--lab", lab, "node1", "node2", "100%");
        expect(labs.pings(lab, "node1", two)).toBe(false);
        labs.ok("wire", "loss", "--lab", lab, "node1", "node2", "0%");
        labs.ok("wire", "delay", "--lab", lab, "node1", "node2", "30ms");
        for (const address of [two, two6, pod]) {
          const { stdout } = labs.inside(lab, "node1", "ping", "-c", "1", "-W", "10", address);
          const ms = Number(/time=([\d.]+) ms/.exec(stdout)?.[1]);
          expect(ms).toBeGreaterThanOrEqual(60);
        }
        labs.ok("wire", "cut", "--lab", lab, "node1", "control");
        expect(labs.pings(lab, "node1", "172.30.0.2")).toBe(false);
      },
      limitMs,
    );
  }

  test(
    "large transfers pass a slow wire whole",
    async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      labs.ok("up", lab, "--nodes", "2");
      labs.ok("wire", "delay", "--lab", lab, "node1", "node2", "5ms");
      const file = join(labs.folder, lab, "payload");
      writeFileSync(file, Buffer.alloc(500_000, crypto.getRandomValues(new Uint8Array(60_000))));
      const serve = `Bun.serve({ port: 8080, fetch: () => new Response(Bun.file("${file}")) })`;
      const server = labs.start("shell", "--lab", lab, "node2", "--", process.execPath, "-e", serve);
      const command = `timeout 60 sh -c 'until curl -s http://172.30.0.12:8080/ | cmp -s - ${file}; do sleep 0.1; done'`;
      expect(labs.inside(lab, "node1", "sh", "-c", command)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
      labs.ok("down", lab);
      await server;
    },
    limitMs,
  );
});
