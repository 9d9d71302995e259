// What resolv.conf says to a container.
import { expect, test } from "bun:test";
import { parseResolvConf } from "./resolv-conf.ts";

test("parseResolvConf() reads the four keywords and passes over the rest", () => {
  const text = [
    "# made by hand",
    "; also a comment",
    "nameserver 192.0.2.1",
    "nameserver\tfd00::53 ",
    "domain old.example",
    "domain example.com",
    "search a.example b.example",
    "search c.example",
    "options ndots:5 edns0",
    "sortlist 10.0.0.0",
    "nameserver",
    "",
  ].join("\n");
  expect(parseResolvConf(text)).toEqual({
    nameservers: ["192.0.2.1", "fd00::53"],
    domain: "example.com",
    search: ["a.example", "b.example", "c.example"],
    options: ["ndots:5", "edns0"],
  });
});
