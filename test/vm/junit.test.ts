// The report reader understands what bun writes: nested groups, escapes, each outcome.
import { expect, test } from "bun:test";
import { parseJunit } from "./junit.ts";

const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="4" failures="2" skipped="1">
  <testsuite name="src/a.guest.ts" file="src/a.guest.ts" tests="4">
    <testsuite name="vlan()" file="src/a.guest.ts" line="2">
      <testsuite name="in &lt;b&gt; &amp; &quot;q&quot;" file="src/a.guest.ts" line="3">
        <testcase name="fails &gt; here" classname="x" time="0.003" file="src/a.guest.ts" line="4">
          <failure type="AssertionError" message="one&#10;two">AssertionError: one&#10;two
      at a.guest.ts:2:105&#10;</failure>
        </testcase>
        <testcase name="skips" classname="x" time="0" file="src/a.guest.ts" line="5">
          <skipped message="TODO" />
        </testcase>
      </testsuite>
    </testsuite>
    <testcase name="passes" classname="" time="0.00006" file="src/a.guest.ts" line="6" />
    <testcase name="is slow" classname="" time="0.01" file="src/a.guest.ts" line="7">
      <failure type="TimeoutError" message="test timed out" />
    </testcase>
  </testsuite>
</testsuites>`;

const file = "src/a.guest.ts";

test("parseJunit() gives every test with its groups, outcome and reason", () => {
  const group = ["vlan()", 'in <b> & "q"'];
  expect(parseJunit(report)).toEqual([
    {
      file,
      path: [...group, "fails > here"],
      outcome: "failed",
      message: "AssertionError: one\ntwo\n      at a.guest.ts:2:105",
    },
    { file, path: [...group, "skips"], outcome: "skipped", message: "" },
    { file, path: ["passes"], outcome: "passed", message: "" },
    { file, path: ["is slow"], outcome: "failed", message: "test timed out" },
  ]);
});

test("parseJunit() gives what there is of a report that was cut off", () => {
  expect(parseJunit(report.slice(0, report.indexOf('<testcase name="skips'))).map(({ outcome }) => outcome)).toEqual([
    "failed",
  ]);
});
