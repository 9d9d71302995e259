// A port that somebody else has.

import { expect, test } from "bun:test";
import { serveHealthPort } from "./health-port.ts";

test("a port that another program has is named, with the way out", async () => {
  const fetchOk = () => new Response("ok\n");
  const options = { hostname: "127.0.0.1", setting: "health.port", fetch: fetchOk };
  using first = serveHealthPort({ ...options, port: 0 });
  expect(await (await fetch(`http://127.0.0.1:${first.port}/`)).text()).toBe("ok\n");
  expect(() => serveHealthPort({ ...options, port: first.port })).toThrow(
    `Cannot serve /healthz on 127.0.0.1:${first.port}: another program has it; end that one, or set health.port to another`,
  );
});
