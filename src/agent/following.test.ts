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
  const both = ["Cannot follow the services: ECONNREFUSED", "Cannot follow the slices: no right to"];
  expect(following.problems).toEqual(both);
  slices.failed(new Error("ECONNREFUSED"));
  expect(following.problems).toEqual(["Cannot follow the services, slices: ECONNREFUSED"]);
  slices.failed("no right to");
  services.followed();
  expect(following.problems).toEqual(both.slice(1));
  slices.followed();
  expect(following.problems).toEqual([]);
  const between = ["Cannot follow the slices: ECONNREFUSED", "Cannot follow the slices: no right to"];
  expect(log).toEqual([...both, ...between, "follows the services again", "follows the slices again"]);
});
