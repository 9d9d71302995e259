// The error as it goes to standard output, with codes and shapes of the specification.
import { expect, test } from "bun:test";
import { CniError, ErrorCode, formatError } from "./error.ts";

test("formatError() prints the specification's fields in its order, indented by four", () => {
  const error = new CniError(ErrorCode.tryAgainLater, "the agent is starting", { details: "for 2 s" });
  expect(formatError(error, "1.0.0")).toBe(`{
    "cniVersion": "1.0.0",
    "code": 11,
    "msg": "the agent is starting",
    "details": "for 2 s"
}
`);
});

const rows: { name: string; thrown: unknown; printed: object }[] = [
  {
    name: "a CNI error without details",
    thrown: new CniError(7, "missing network name"),
    printed: { cniVersion: "0.4.0", code: 7, msg: "missing network name" },
  },
  {
    name: "a plugin's own code",
    thrown: new CniError(101, "m", { details: "d" }),
    printed: { cniVersion: "0.4.0", code: 101, msg: "m", details: "d" },
  },
  {
    name: "any other error, with its causes as details",
    thrown: new Error("cannot add link", { cause: new Error("EEXIST", { cause: "the kernel" }) }),
    printed: { cniVersion: "0.4.0", code: 999, msg: "cannot add link", details: "EEXIST: the kernel" },
  },
  { name: "a thrown string", thrown: "oops", printed: { cniVersion: "0.4.0", code: 999, msg: "oops" } },
  { name: "undefined", thrown: undefined, printed: { cniVersion: "0.4.0", code: 999, msg: "Unknown error" } },
];

for (const { name, thrown, printed } of rows) {
  test(`formatError() prints ${name}`, () => {
    expect(JSON.parse(formatError(thrown, "0.4.0"))).toEqual(printed);
  });
}

test("a circle of causes ends", () => {
  const error = new Error("a");
  error.cause = new Error("b", { cause: error });
  expect(JSON.parse(formatError(error, "1.1.0")).msg).toBe("a");
});
