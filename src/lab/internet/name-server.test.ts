// Queries and answers of the internet's name server.

import { describe, expect, test } from "bun:test";
import type { Packet, Question } from "dns-packet";
import { ip } from "#net/ip.ts";
import { answerInternet } from "./name-server.ts";

const addresses = [ip("203.0.113.10"), ip("2001:db8:113::10")];
const web = "www.example.com";

function ask(questions: Question[], flags = 0): string {
  const query: Packet = { type: "query", id: 0x1234, flags, questions };
  const { id, type, flags: given = 0, answers = [] } = answerInternet(query, web, addresses);
  const found = answers.map((answer) => `${answer.name} ${"data" in answer ? String(answer.data) : ""}`);
  return [`${id?.toString(16)} ${type} ${given.toString(16)}`, ...found].join("; ");
}

describe("answerInternet()", () => {
  const rows: readonly (readonly [what: string, questions: Question[], flags: number, answer: string])[] = [
    ["an IPv4 address", [{ name: web, type: "A" }], 0x100, `1234 response 500; ${web} 203.0.113.10`],
    ["an IPv6 address", [{ name: web, type: "AAAA" }], 0, `1234 response 400; ${web} 2001:db8:113::10`],
    [
      "a name as it was asked",
      [{ name: "WWW.Example.com", type: "A" }],
      0,
      "1234 response 400; WWW.Example.com 203.0.113.10",
    ],
    ["no record of another type", [{ name: web, type: "MX" }], 0, "1234 response 400"],
    ["that there is no such name", [{ name: "xyz", type: "A" }], 0x100, "1234 response 503"],
    ["that a question is missing", [], 0x100, "1234 response 501"],
    [
      "that nobody asks two questions",
      [
        { name: web, type: "A" },
        { name: web, type: "AAAA" },
      ],
      0,
      "1234 response 401",
    ],
    ["that it takes no updates", [{ name: web, type: "A" }], 5 << 11, "1234 response 404"],
  ];
  for (const [what, questions, flags, answer] of rows) {
    test(`tells ${what}`, () => expect(ask(questions, flags)).toBe(answer));
  }
});
