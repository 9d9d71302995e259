// The environment of a call: what is required for which command, and what is refused.
import { describe, expect, test } from "bun:test";
import { cniErrorOf } from "#test/thrown.ts";
import { checkContainerId, checkIfname, checkNetworkName, readEnvironment } from "./environment.ts";

const complete = {
  CNI_CONTAINERID: "some-container-id",
  CNI_NETNS: "/some/netns/path",
  CNI_IFNAME: "eth0",
  CNI_ARGS: "some;extra;args",
  CNI_PATH: "/some/cni/path:/other",
};

function environment(variables: { readonly [name: string]: string | undefined }): ReadonlyMap<string, string> {
  const entries = Object.entries({ ...complete, ...variables });
  return new Map(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

test("readEnvironment() takes everything a call has", () => {
  expect(readEnvironment(environment({ CNI_COMMAND: "ADD" }))).toEqual({
    command: "ADD",
    containerId: "some-container-id",
    netns: "/some/netns/path",
    ifname: "eth0",
    cniArgs: "some;extra;args",
    path: ["/some/cni/path", "/other"],
    netnsOverride: false,
  });
});

describe("a missing or empty variable", () => {
  const rows: [command: string, required: readonly string[]][] = [
    ["ADD", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"]],
    ["CHECK", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"]],
    ["DEL", ["CNI_CONTAINERID", "CNI_IFNAME", "CNI_PATH"]],
    ["GC", ["CNI_PATH"]],
    ["STATUS", ["CNI_PATH"]],
    ["VERSION", []],
  ];
  for (const [command, required] of rows) {
    for (const name of Object.keys(complete)) {
      for (const value of [undefined, ""]) {
        const given = environment({ CNI_COMMAND: command, [name]: value });
        const how = value === undefined ? "missing" : "empty";
        if (required.includes(name)) {
          test(`${name} ${how} stops ${command}`, () => {
            const message = `required env variables [${name}] missing`;
            expect(cniErrorOf(() => readEnvironment(given))).toMatchObject({ code: 4, message });
          });
        } else {
          test(`${name} ${how} does not stop ${command}`, () => {
            expect(readEnvironment(given).command).toBe(command as "ADD");
          });
        }
      }
    }
  }
});

test("all missing variables are named in one error", () => {
  const given = environment({ CNI_COMMAND: "ADD", CNI_NETNS: undefined, CNI_IFNAME: "", CNI_PATH: undefined });
  expect(cniErrorOf(() => readEnvironment(given)).message).toBe(
    "required env variables [CNI_NETNS,CNI_IFNAME,CNI_PATH] missing",
  );
});

describe("an unknown command is refused by name", () => {
  for (const command of ["FOO", "add", "toString", "__proto__"]) {
    test(command, () => {
      const error = cniErrorOf(() => readEnvironment(environment({ CNI_COMMAND: command })));
      expect(error).toMatchObject({ code: 4, message: `unknown CNI_COMMAND: ${command}` });
    });
  }
});

test("GC and STATUS do not look at the attachment's variables", () => {
  for (const command of ["GC", "STATUS", "VERSION"]) {
    const given = environment({ CNI_COMMAND: command, CNI_CONTAINERID: "%%", CNI_IFNAME: "a/b" });
    expect(readEnvironment(given).command).toBe(command as "GC");
  }
});

describe("CNI_NETNS_OVERRIDE", () => {
  const rows: [value: string | undefined, allowed: boolean][] = [
    [undefined, false],
    ["", false],
    ["0", false],
    ["1", true],
    ["TRUE", true],
    ["true", true],
    ["yes", false],
  ];
  for (const [value, allowed] of rows) {
    test(`${value}`, () => {
      const given = environment({ CNI_COMMAND: "ADD", CNI_NETNS_OVERRIDE: value });
      expect(readEnvironment(given).netnsOverride).toBe(allowed);
    });
  }
});

describe("names", () => {
  const rows: [check: (name: string) => void, name: string, code: number, message: string][] = [
    [checkContainerId, "", 3, "missing containerID"],
    [checkContainerId, "some-%%container-id", 4, "invalid characters in containerID"],
    [checkContainerId, "-a", 4, "invalid characters in containerID"],
    [checkContainerId, "a\n", 4, "invalid characters in containerID"],
    [checkContainerId, "../a", 4, "invalid characters in containerID"],
    [checkNetworkName, "", 7, "missing network name"],
    [checkNetworkName, "te%%st", 7, "invalid characters found in network name"],
    [checkNetworkName, "a/b", 7, "invalid characters found in network name"],
    [checkNetworkName, "..", 7, "invalid characters found in network name"],
    [checkIfname, "", 4, "interface name is empty"],
    [checkIfname, "1234567890123456", 4, "interface name is too long"],
    [checkIfname, "ääääääää", 4, "interface name is too long"],
    [checkIfname, ".", 4, "interface name is . or .."],
    [checkIfname, "..", 4, "interface name is . or .."],
    [checkIfname, "test/test", 4, "interface name contains / or : or whitespace characters"],
    [checkIfname, "test:test", 4, "interface name contains / or : or whitespace characters"],
    [checkIfname, "test test", 4, "interface name contains / or : or whitespace characters"],
    [checkIfname, "test\t", 4, "interface name contains / or : or whitespace characters"],
    [checkIfname, "a\0b", 4, "interface name contains / or : or whitespace characters"],
  ];
  for (const [check, name, code, message] of rows) {
    test(`${check.name}(${JSON.stringify(name)}) is refused`, () => {
      expect(cniErrorOf(() => check(name))).toMatchObject({ code, message });
    });
  }
  test("ordinary names pass", () => {
    for (const name of ["a", "A-1_b.c", "0", "x".repeat(64)]) checkContainerId(name);
    for (const name of ["cbr0", "my-net.v2"]) checkNetworkName(name);
    for (const name of ["eth0", "123456789012345", "...", "käse"]) checkIfname(name);
  });
});
