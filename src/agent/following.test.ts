// What is followed at the API server is a problem while it is not, and no longer.

import { expect, test } from "bun:test";
import { Following } from "./following.ts";

test("Following tells why something is not followed until it is again, each for itself", () => {
  const log: string[] = [];
  const following = new Following((line) => log.push(line));
  const [services, slices] = [following.of("services"), following.of("slices")];
  services.followed();
  services.failed(new Error("ECONNREFUSED"));
  services.failed(new Error("ECONNREFUSED"));
  slices.failed("no right to");
  const both = ["cannot follow the services: ECONNREFUSED", "cannot follow the slices: no right to"];
  expect(following.problems).toEqual(both);
  services.followed();
  expect(following.problems).toEqual(both.slice(1));
  slices.followed();
  expect([following.problems, log]).toEqual([[], [...both, "follows the services again", "follows the slices again"]]);
});
