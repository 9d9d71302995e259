// What `twill agent` does when it is not to run: taking away what an agent has left on its node.

import { expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { claimSocketPath } from "#plugins/service/socket-path.ts";
import { Sandbox } from "#test/sandbox.ts";

test("twill agent --uninstall takes the network configuration away, unless an agent would write it again", async () => {
  using box = new Sandbox();
  const [node, folder] = [box.netns("node"), box.dir()];
  const [conflist, config, socket] = ["05-twill.conflist", "config.yaml", "plugins.sock"].map((name) =>
    join(folder, name),
  );
  if (conflist === undefined || config === undefined || socket === undefined) throw new RangeError("three names");
  writeFileSync(config, `cni: { folder: ${folder} }`);
  writeFileSync(conflist, "{}");
  const main = new URL("../main.ts", import.meta.url).pathname;
  const uninstall = () =>
    box.run(node, [process.execPath, main, "agent", "--uninstall", "--config", config, "--socket", socket]);
  {
    using _agent = await claimSocketPath(socket);
    expect(uninstall()).toMatchObject({
      exitCode: 1,
      stderr: "twill agent: Cannot uninstall: an agent runs, stop it first\n",
    });
    expect(existsSync(conflist)).toBe(true);
  }
  expect(uninstall()).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
  expect(existsSync(conflist)).toBe(false);
}, 60_000);
