// The lab that a command is about, by what is named, what variables say, and which labs are there.

import { describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { messageOf } from "#base/error-message.ts";
import { formatKubeconfig } from "#kube/kubeconfig.ts";
import { placesOf } from "#lab/world/places.ts";
import { newSpec } from "#lab/world/request.ts";
import { writeState } from "#lab/world/state.ts";
import { thrownBy } from "#test/thrown.ts";
import { labNameOf } from "./which-lab.ts";

const asByDefault = {
  ...{ nodes: undefined, family: undefined, underlay: undefined, services: undefined },
  ...{ cni: undefined, plugins: false, fabric: undefined, port: undefined },
};

/** A folder with labs as `up` leaves them, and kubeconfigs beside them. */
class Labs implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), "twill-which-lab-"));

  constructor(names: readonly string[]) {
    for (const [index, name] of names.entries()) {
      const places = placesOf(name, this.root);
      mkdirSync(dirname(places.kubeconfig), { recursive: true });
      writeState(places, newSpec({ ...asByDefault, name }, 20_001 + index));
      writeFileSync(places.kubeconfig, kubeconfigOf(20_001 + index));
    }
    mkdirSync(join(this.root, "unmade"));
    for (const [index, name] of names.entries()) {
      copyFileSync(placesOf(name, this.root).kubeconfig, join(this.root, `${index}.copy`));
    }
    writeFileSync(join(this.root, "other"), kubeconfigOf(20_100));
  }

  /** `@` in a variable stands for the folder. */
  nameOf(given: string | undefined, variables: Readonly<Record<string, string>>): string {
    const entries = Object.entries({ TWILL_LAB_DIR: "@", ...variables });
    return labNameOf(given, { env: new Map(entries.map(([key, value]) => [key, value.replaceAll("@", this.root)])) });
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true });
  }
}

function kubeconfigOf(port: number): string {
  return formatKubeconfig("x", {
    server: `https://127.0.0.1:${port}`,
    ...{ certificateAuthority: undefined, insecureSkipTlsVerify: false, token: "t" },
    ...{ clientCertificate: undefined, clientKey: undefined },
  });
}

describe("labNameOf()", () => {
  type Row = readonly [
    what: string,
    labs: readonly string[],
    given: string | undefined,
    variables: Readonly<Record<string, string>>,
    name: string,
  ];
  const ofBlue = { KUBECONFIG: "@/blue/control/admin.kubeconfig" };
  const rows: readonly Row[] = [
    ["what is named", ["red", "blue"], "green", { TWILL_LAB: "red", ...ofBlue }, "green"],
    ["TWILL_LAB", ["red", "blue"], undefined, { TWILL_LAB: "red", ...ofBlue }, "red"],
    ["the lab of KUBECONFIG", ["red", "blue", "twill"], undefined, { TWILL_LAB: "", ...ofBlue }, "blue"],
    ["the lab of KUBECONFIG that is gone", ["red"], undefined, ofBlue, "blue"],
    ["the lab whose file was copied", ["red", "blue"], undefined, { KUBECONFIG: "@/1.copy" }, "blue"],
    [
      "the first lab among several files",
      ["red", "blue"],
      undefined,
      { KUBECONFIG: "@/no:@/other:@/1.copy:@/0.copy" },
      "blue",
    ],
    ["the only lab, with another cluster's file", ["red"], undefined, { KUBECONFIG: "@/other" }, "red"],
    ["the only lab, with a file that is none", ["red"], undefined, { KUBECONFIG: "@/red" }, "red"],
    ["the only lab", ["red"], undefined, {}, "red"],
    ["twill among several", ["red", "twill"], undefined, {}, "twill"],
    ["twill where there is none", [], undefined, {}, "twill"],
  ];
  for (const [what, names, given, variables, name] of rows) {
    test(`takes ${what}`, () => {
      using labs = new Labs(names);
      expect(labs.nameOf(given, variables)).toBe(name);
    });
  }

  test("refuses what is no name, and is not kept from a lab by another one that is broken", () => {
    using labs = new Labs(["red", "blue"]);
    writeFileSync(placesOf("red", labs.root).spec, "{");
    expect(labs.nameOf(undefined, { KUBECONFIG: "@/1.copy" })).toBe("blue");
    expect(messageOf(thrownBy(() => labs.nameOf("../x", {})))).toContain('Cannot use "../x" as the name of a lab');
  });
});
