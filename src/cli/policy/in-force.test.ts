// `twill policy status` and `twill policy denials`: what agents say, of one node and of several together.

import { describe, expect, test } from "bun:test";
import type { DenialMessage, DenialsMessage, PoliciesMessage, PolicyMessage } from "#api/messages.ts";
import { ip } from "#net/ip.ts";
import { Folder, root } from "#test/policy/command.ts";

/** What agents answer, and what the command makes of it. The servers answer in this process: it must not wait for the command. */
async function ask(command: string, answers: readonly object[], ...words: readonly string[]) {
  using folder = new Folder();
  await using stack = new AsyncDisposableStack();
  const sockets = answers.map((answer, index) => {
    const unix = folder.path(`node${index + 1}`);
    stack.use(Bun.serve({ unix, fetch: () => Response.json(answer) }));
    return ["--api-socket", unix];
  });
  const line = [process.execPath, "src/cli/main.ts", "policy", command, ...sockets.flat(), ...words];
  const process_ = Bun.spawn(line, { cwd: root, stdout: "pipe" });
  const text = await new Response(process_.stdout).text();
  return { text: text.replaceAll(folder.path("/"), ""), exitCode: await process_.exited };
}

const since = "2026-01-02T03:04:05.000Z";

function policy(name: string, more: Partial<PolicyMessage>): PolicyMessage {
  const common = { pods: 0, inForce: 0, generation: 1, since, keepsConnections: false, faults: [] };
  return { ...common, policy: `NetworkPolicy shop/${name}`, ...more };
}

function node(name: string, ...policies: readonly PolicyMessage[]): PoliciesMessage {
  return { node: name, policies };
}

describe("twill policy status", () => {
  test("adds up pods and nodes, and names the moment when the last node had it", async () => {
    const later = "2026-01-02T03:04:06.000Z";
    const { text, exitCode } = await ask("status", [
      node("a", policy("db", { pods: 2, inForce: 2 }), policy("web", { pods: 1, inForce: 1, keepsConnections: true })),
      node("b", policy("db", { pods: 3, inForce: 3, since: later }), policy("web", {})),
    ]);
    expect(text).toBe(
      "POLICY                  PODS  NODES  SINCE                     CONNECTIONS\n" +
        `NetworkPolicy shop/db   5     2      ${later}  cut\n` +
        `NetworkPolicy shop/web  1     1      ${since}  kept\n`,
    );
    expect(exitCode).toBe(0);
  });

  test("says where one is not in force, and what is wrong in it, once", async () => {
    const faults = ["NetworkPolicy shop/db spec.ingress[0]: it cannot be"];
    const { text, exitCode } = await ask("status", [
      node("a", policy("db", { pods: 2, inForce: 1, since: null, faults })),
      node("b", policy("db", { pods: 1, inForce: 1, faults })),
    ]);
    expect(text).toBe(
      "POLICY                 PODS    NODES  SINCE    CONNECTIONS\n" +
        "NetworkPolicy shop/db  2 of 3  2      not yet  cut\n" +
        `\n${faults.join()}\n`,
    );
    expect(exitCode).toBe(1);
  });

  test("names nodes that enforce none, and tells programs the same", async () => {
    const answers = [node("a", policy("db", { pods: 1, inForce: 1 })), { node: "b", policies: null }];
    const { text } = await ask("status", answers);
    expect(text).toStartWith("the agent of b enforces no policies\nPOLICY");
    expect(JSON.parse((await ask("status", answers, "-o", "json")).text)).toMatchObject({
      policies: [{ policy: "NetworkPolicy shop/db", nodes: 1, pods: 1, inForce: 1, since }],
    });
  });
});

describe("twill policy denials", () => {
  const denial: DenialMessage = {
    ...{ source: ip("10.0.0.1"), destination: ip("10.0.0.2"), sourceName: "shop/web", destinationName: "shop/db" },
    ...{
      protocol: "tcp",
      port: 5432,
      direction: "ingress",
      because: ["NetworkPolicy shop/db"],
      packets: 2,
      secondsAgo: 4,
    },
  };
  const over6 = { ...denial, source: ip("fd00::1"), destination: ip("fd00::2"), packets: 3, secondsAgo: 1 };
  const ping: DenialMessage = {
    ...denial,
    sourceName: null,
    protocol: "icmp",
    port: 8 << 8,
    because: [],
    secondsAgo: 9,
  };
  const answer = (...denials: readonly DenialMessage[]): DenialsMessage => ({ denials });

  test("shows pods by name, both families in one row, the latest first", async () => {
    expect((await ask("denials", [answer(denial, over6, ping)])).text).toBe(
      "LAST     FROM      TO       WHAT      PACKETS  BECAUSE\n" +
        "1 s ago  shop/web  shop/db  tcp/5432  5        ingress: NetworkPolicy shop/db\n" +
        "9 s ago  10.0.0.1  shop/db  icmp/8.0  2        ingress: a policy that is gone\n",
    );
    expect((await ask("denials", [answer()])).text).toBe("nothing was refused\n");
  });

  test("says which node refused, and tells programs each pair of addresses", async () => {
    const { text } = await ask("denials", [answer(denial), answer(over6)]);
    expect(text.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
      ["NODE", "LAST", "FROM", "TO", "WHAT", "PACKETS", "BECAUSE"],
      ["node2", "1 s ago", "shop/web", "shop/db", "tcp/5432", "3", "ingress: NetworkPolicy shop/db"],
      ["node1", "4 s ago", "shop/web", "shop/db", "tcp/5432", "2", "ingress: NetworkPolicy shop/db"],
      [""],
    ]);
    const { denials } = JSON.parse((await ask("denials", [answer(denial, over6)], "-o", "json")).text);
    expect(denials).toMatchObject([{ source: "fd00::1" }, { source: "10.0.0.1" }]);
  });
});
