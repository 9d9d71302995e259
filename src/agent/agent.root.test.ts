// The agent as a container runtime meets it: pods wired through the real shim, in namespaces, both families.

import { describe, expect, test } from "bun:test";
import { addressAt, startNode } from "#test/agent.ts";
import { until } from "#test/until.ts";

const blocks = ["10.244.1.0/24", "fd00:10:244:1::/64"];
const ping = (address: string) => ["ping", "-c", "1", "-W", "10", "-n", address];

describe("type twill", () => {
  test("wires pods that reach each other and their node in both families, and takes them away", async () => {
    await using it = await startNode(blocks);
    const { box, node } = it;
    const [a, b] = [await node.addPod("a"), await node.addPod("b")];
    expect(a.result.ips.map(({ address }) => address)).toEqual(["10.244.1.1/32", "fd00:10:244:1::1/128"]);
    for (const address of [addressAt(b.result, 0), addressAt(b.result, 1)]) {
      expect(box.run(a.netns, ping(address))).toMatchObject({ exitCode: 0 });
      expect(node.sh(...ping(address))).toContain(" 0% packet loss");
    }
    expect(JSON.parse(node.conflist())).toMatchObject({ name: "twill", plugins: [{ type: "twill" }] });
    expect(await node.cni("CHECK", "a", a.netns.path, { conf: { prevResult: a.result } })).toMatchObject({
      exitCode: 0,
      stdout: "",
    });
    expect(await node.cni("STATUS", "", "")).toMatchObject({ exitCode: 0 });
    for (const round of ["first", "again"]) {
      expect([round, await node.cni("DEL", "a", a.netns.path)]).toEqual([
        round,
        { exitCode: 0, stdout: "", stderr: "" },
      ]);
    }
    expect(node.sh("ip", "route")).not.toContain("10.244.1.1 ");
    // The same name in the same namespace right after, and not the same address.
    const again = await node.add("a", a.netns.path);
    expect(again.ips[0]?.address).toBe("10.244.1.3/32");
    expect(box.run(b.netns, ping(addressAt(again, 0)))).toMatchObject({ exitCode: 0 });
    expect(box.run(a.netns, ping(addressAt(b.result, 1)))).toMatchObject({ exitCode: 0 });
    expect(await node.cni("DEL", "a", a.netns.path)).toMatchObject({ exitCode: 0 });
    // Its link goes in a moment; it reaches nobody by it.
    expect(box.run(a.netns, ["ping", "-c", "1", "-W", "1", "-n", addressAt(b.result, 0)]).exitCode).not.toBe(0);
    await until(() => !box.sh(a.netns, ["ip", "-o", "link"]).includes("eth0"), "its link is gone");
  });
});
