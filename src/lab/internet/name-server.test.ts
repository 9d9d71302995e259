// Queries and answers as bytes.
import { describe, expect, test } from "bun:test";
import { ip } from "#net/ip.ts";
import { hex, toHex } from "#test/hex.ts";
import { answerQuery } from "./name-server.ts";

const addresses = [ip("203.0.113.10"), ip("2001:db8:113::10")];
const name = "03777777 076578616d706c65 03636f6d 00";

function ask(query: string): string | undefined {
  const answer = answerQuery(hex(query), "www.example.com", addresses);
  return answer === undefined ? undefined : toHex(answer).replaceAll(" ", "");
}

describe("answerQuery()", () => {
  const rows: readonly (readonly [what: string, query: string, answer: string | undefined])[] = [
    [
      "an IPv4 address",
      `1234 0100 0001 0000 0000 0000 ${name} 0001 0001`,
      `1234 8500 0001 0001 0000 0000 ${name} 0001 0001 c00c 0001 0001 0000003c 0004 cb00710a`,
    ],
    [
      "an IPv6 address",
      `1234 0000 0001 0000 0000 0000 ${name} 001c 0001`,
      `1234 8400 0001 0001 0000 0000 ${name} 001c 0001 c00c 001c 0001 0000003c 0010 20010db8011300000000000000000010`,
    ],
    [
      "no record of another type",
      `1234 0100 0001 0000 0000 0000 ${name} 000f 0001`,
      `1234 8500 0001 0000 0000 0000 ${name} 000f 0001`,
    ],
    [
      "that there is no such name",
      "1234 0100 0001 0000 0000 0001 0378797a 00 0001 0001 00",
      "1234 8503 0001 0000 0000 0000 0378797a 00 0001 0001",
    ],
    ["that a question is missing", "1234 0100 0000 0000 0000 0000", "1234 8501 0000 0000 0000 0000"],
    ["that a label runs over the end", "1234 0100 0001 0000 0000 0000 3f77", "1234 8501 0000 0000 0000 0000"],
    ["nothing to an answer", `1234 8100 0001 0000 0000 0000 ${name} 0001 0001`, undefined],
    ["nothing to half a header", "1234 01", undefined],
  ];
  for (const [what, query, answer] of rows) {
    test(`tells ${what}`, () => {
      expect(ask(query)).toBe(answer?.replaceAll(" ", ""));
    });
  }
});
