// The policy commands as people call them, on the examples.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = new URL("../../../", import.meta.url).pathname;
const shop = ["-m", "examples/shop"];
const closed = [...shop, "-m", "examples/policies/three-tier.yaml"];

function twill(...words: readonly string[]): {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
} {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, "src/cli/main.ts", ...words], { cwd: root });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

describe("twill policy assert", () => {
  for (const name of ["three-tier", "same-namespace"]) {
    test(`finds the example ${name} to do what it says`, () => {
      const files = ["-f", `examples/policies/${name}.expectations.yaml`, "-m", `examples/policies/${name}.yaml`];
      const { exitCode, stdout } = twill("policy", "assert", ...files, ...shop);
      expect(stdout).toMatch(/^(\d+) of \1 expectations hold\n$/);
      expect(exitCode).toBe(0);
    });
  }

  test("explains each expectation that does not hold", () => {
    const folder = mkdtempSync(join(tmpdir(), "twill-policy-"));
    try {
      const file = join(folder, "wrong.yaml");
      writeFileSync(file, '- {from: shop/frontend, to: "shop/database:5432", allowed: true}\n');
      const { exitCode, stdout } = twill("policy", "assert", "-f", file, ...closed);
      expect(stdout).toContain("expected shop/frontend → shop/database:5432 to be allowed, but\n");
      expect(stdout).toContain("from[0]: label app.kubernetes.io/name is frontend and not backend on shop/frontend");
      expect(exitCode).toBe(1);
      writeFileSync(file, "- {from: shop/frontend}\n");
      expect(twill("policy", "assert", "-f", file, ...closed).stderr).toContain("entry 1 lacks from, to or allowed");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("twill explain", () => {
  test("goes through services to the pods' own ports", () => {
    const { exitCode, stdout } = twill("explain", ...closed, "shop/frontend", "svc/shop/backend:80");
    expect(stdout).toStartWith(
      "through service shop/backend port 80\n  its name becomes shop/backend\n\nshop/frontend → shop/backend tcp/8080: allowed\n",
    );
    expect(exitCode).toBe(0);
  });

  test("tells programs what it tells people", () => {
    const { exitCode, stdout } = twill("explain", ...closed, "-o", "json", "-n", "shop", "frontend", "database");
    expect(JSON.parse(stdout)).toMatchObject([
      { from: "shop/frontend", to: "shop/database", traffic: "tcp/5432", allowed: false, egress: { allowed: true } },
    ]);
    expect(exitCode).toBe(1);
  });

  const refused: readonly (readonly [words: readonly string[], message: string])[] = [
    [["shop/fronted", "shop/backend"], "there is no pod or workload shop/fronted; did you mean shop/frontend?"],
    [["shop/frontend", "svc/shop/backnd"], "there is no service shop/backnd; did you mean shop/backend?"],
    [["shop/frontend", "shop/backend:metrics"], "no port is called metrics there: give its number"],
    [["shop/frontend", "shop/backend:80/http"], 'cannot read "shop/backend:80/http"'],
  ];
  for (const [words, message] of refused) {
    test(`says: ${message}`, () => expect(twill("explain", ...closed, ...words).stderr).toContain(message));
  }

  test("says what to give when it is not told where to look", () => {
    expect(twill("explain", "a", "b").stderr).toContain("neither --manifests nor --kubeconfig says what to look at");
  });
});

describe("twill policy", () => {
  test("shows who reaches whom", () => {
    const { stdout } = twill("policy", "matrix", ...closed);
    const [header = "", ...rows] = stdout.trim().split("\n");
    expect(header.split(/\s{2,}/)).toEqual([
      "FROM",
      "shop/backend:tcp/8080",
      "shop/backend:udp/8125",
      "shop/database:tcp/5432",
      "shop/frontend:tcp/8080",
      "world:tcp/443",
    ]);
    expect(
      rows.map((row) =>
        row
          .split(/\s{2,}/)
          .slice(1)
          .join(" "),
      ),
    ).toEqual([". . yes yes yes", ". . yes . .", "yes . . yes yes", ". . . yes -"]);
  });

  test("shows what a policy would change", () => {
    const { exitCode, stdout } = twill("policy", "try", ...shop, "-f", "examples/policies/three-tier.yaml");
    expect(stdout).toContain("loses  world          →  shop/database:tcp/5432\n");
    expect(exitCode).toBe(1);
    expect(twill("policy", "try", ...closed, "-f", "examples/policies/three-tier.yaml").stdout).toBe(
      "nothing would change\n",
    );
  });

  test("warns, and lists", () => {
    expect(twill("policy", "lint", ...closed).stdout).toContain(
      "names cannot be looked up (dns-forgotten)\n4 policies, 1 warning\n",
    );
    expect(twill("policy", "list", ...closed).stdout).toContain(
      "shop/database-allow-backend  network  ingress, egress  1      1\n",
    );
  });
});
