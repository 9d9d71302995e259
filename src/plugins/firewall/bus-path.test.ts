// Addresses of the bus.

import { expect, test } from "bun:test";
import { pathOf } from "./bus-path.ts";

test.each([
  ["unix:path=/run/dbus/system_bus_socket", "/run/dbus/system_bus_socket"],
  ["unix:guid=1f,path=/run/bus", "/run/bus"],
  ["unix:path=/run/bus,guid=1f;tcp:host=localhost", "/run/bus"],
  ["tcp:host=localhost,port=1;unix:path=/run/a%20bus", "/run/a bus"],
  ["unix:abstract=/tmp/bus", undefined],
  ["nonsense", undefined],
])("pathOf(%j) is %j", (address, path) => {
  expect(pathOf(address)).toBe(path);
});
