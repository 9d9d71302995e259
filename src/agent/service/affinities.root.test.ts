// Who stays with endpoints that are gone, in the kernel's own maps.

import { expect, test } from "bun:test";
import { Datapath } from "#datapath/datapath.ts";
import { ip } from "#net/ip.ts";
import { forgetAffinities } from "./affinities.ts";

test("forgetAffinities() removes what leads to backends that are gone, of the services that lost some", () => {
  using path = new Datapath({ pins: undefined });
  const { affinities, backends } = path.services;
  const stays = (client: string, service: number, backend: number) =>
    affinities.set({ client: ip(client), service }, { backend, seen: 1 });
  backends.set(1, { address: ip("10.244.0.1"), port: 80, flags: 0, service: 7 });
  // On its way out: nobody's.
  backends.set(2, { address: ip("10.244.0.2"), port: 80, flags: 0, service: 0 });
  stays("10.244.0.9", 7, 1);
  stays("10.244.0.8", 7, 2);
  stays("10.244.0.7", 7, 3);
  stays("10.244.0.9", 8, 3);
  expect(forgetAffinities(path.services, new Set([7]))).toBe(2);
  expect([...affinities.entries()].map(([{ client, service }]) => `${client} ${service}`).toSorted()).toEqual([
    "10.244.0.9 7",
    "10.244.0.9 8",
  ]);
  expect(forgetAffinities(path.services, new Set([7]))).toBe(0);
});
