// CNI_ARGS in every shape that a runtime sends it, and what is refused.
import { describe, expect, test } from "bun:test";
import { cniErrorOf } from "#test/thrown.ts";
import { parseArgs } from "./args.ts";

const kubernetes =
  "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=5f;K8S_POD_UID=1;IP=10.0.0.4/24";

describe("parseArgs() reads", () => {
  const rows: [text: string, args: object][] = [
    ["", {}],
    ["IP=10.0.0.4/24", { IP: "10.0.0.4/24" }],
    ["IP=10.0.0.4/24;MAC=02:00:00:00:00:01", { IP: "10.0.0.4/24", MAC: "02:00:00:00:00:01" }],
    ["IP=a;IP=b", { IP: "b" }],
    ["IP=", {}],
    ["IP=a;IP=", {}],
    ["IgnoreUnknown=true;FOO=BAR", {}],
    ["FOO=BAR;IgnoreUnknown=1", {}],
    ["IgnoreUnknown=0;IP=a", { IP: "a" }],
    [kubernetes, { IP: "10.0.0.4/24" }],
  ];
  for (const [text, args] of rows)
    test(JSON.stringify(text), () => expect(parseArgs(text, ["IP", "MAC"])).toEqual(args));
});

describe("parseArgs() refuses", () => {
  const rows: [text: string, message: string][] = [
    ["FOO=BAR", 'ARGS: unknown args ["FOO=BAR"]'],
    ["FOO=BAR;IgnoreUnknown=false;X=1", 'ARGS: unknown args ["FOO=BAR" "X=1"]'],
    ["ip=10.0.0.1/24", 'ARGS: unknown args ["ip=10.0.0.1/24"]'],
    ["IP", 'ARGS: invalid pair "IP"'],
    ["IP=a=b", 'ARGS: invalid pair "IP=a=b"'],
    ["IgnoreUnknown=1;X", 'ARGS: invalid pair "X"'],
    ["IP=a;", 'ARGS: invalid pair ""'],
    ["IgnoreUnknown=yes", 'ARGS: error parsing value of pair "IgnoreUnknown=yes"'],
  ];
  for (const [text, message] of rows) {
    test(JSON.stringify(text), () => {
      const thrown = cniErrorOf(() => parseArgs(text, ["IP", "MAC"]));
      expect(thrown).toMatchObject({ code: 4, message });
    });
  }
});

test("a plugin without arguments of its own takes none", () => {
  expect(cniErrorOf(() => parseArgs("A=1", []))).toMatchObject({ details: expect.stringContaining("takes no keys") });
});
