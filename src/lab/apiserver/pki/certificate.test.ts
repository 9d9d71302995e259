// Certificates as another implementation reads them (OpenSSL's, inside of the engine), and DER by its rules.

import { describe, expect, test } from "bun:test";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { makeCertificate } from "./certificate.ts";
import { bitString, boolean, der, integer, objectId, sequence, setOf, time, utf8 } from "./der.ts";

const random = (bytes: Uint8Array) => crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>);
const period = { notBeforeMs: Date.parse("2030-01-02T03:04:05Z"), notAfterMs: Date.parse("2060-01-02T03:04:05Z") };
const subject = { commonName: "test-authority" };
const authority = makeCertificate({ subject, use: "authority", random, ...period });

describe("makeCertificate()", () => {
  test("makes an authority that signs itself", () => {
    const certificate = new X509Certificate(authority.certificate);
    expect(certificate.ca).toBe(true);
    expect([certificate.subject, certificate.issuer]).toEqual(["CN=test-authority", "CN=test-authority"]);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(authority.key))).toBe(true);
    // Both forms of a time: two digits of the year until 2049, four after.
    expect([certificate.validFrom, certificate.validTo]).toEqual([
      "Jan  2 03:04:05 2030 GMT",
      "Jan  2 03:04:05 2060 GMT",
    ]);
  });

  test("makes a server's certificate for names and addresses", () => {
    const pair = makeCertificate({
      ...{ subject: { commonName: "server" }, use: "server", random, ...period },
      dnsNames: ["kubernetes.default.svc"],
      addresses: [Uint8Array.of(10, 96, 0, 1), Uint8Array.from([0xfd, ...new Array(14).fill(0), 1])],
      issuer: { subject, key: authority.key },
    });
    const certificate = new X509Certificate(pair.certificate);
    expect(certificate.ca).toBe(false);
    expect(certificate.subjectAltName).toBe(
      "DNS:kubernetes.default.svc, IP Address:10.96.0.1, IP Address:FD00:0:0:0:0:0:0:1",
    );
    expect(certificate.checkIssued(new X509Certificate(authority.certificate))).toBe(true);
    expect(certificate.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
    expect(certificate.checkHost("kubernetes.default.svc")).toBe("kubernetes.default.svc");
    expect(certificate.checkIP("10.96.0.1")).toBe("10.96.0.1");
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
  });

  test("makes a user with groups, and a number of its own each time", () => {
    const make = () =>
      makeCertificate({
        ...{ subject: { commonName: "jane", organizations: ["staff", "admins"] }, use: "client", random, ...period },
        issuer: { subject, key: authority.key },
      });
    const [one, two] = [make(), make()].map(({ certificate }) => new X509Certificate(certificate));
    expect(one?.subject).toBe("O=staff\nO=admins\nCN=jane");
    expect(one?.serialNumber).not.toBe(two?.serialNumber ?? "");
    expect(one?.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
  });
});

describe("DER", () => {
  const rows: readonly (readonly [what: string, bytes: Uint8Array, hex: string])[] = [
    ["true", boolean(true), "0101ff"],
    ["zero", integer(Uint8Array.of(0, 0)), "020100"],
    ["a number whose highest bit is set", integer(Uint8Array.of(0x80)), "02020080"],
    ["a number with zeros before it", integer(Uint8Array.of(0, 0, 0x7f)), "02017f"],
    ["named bits", bitString(Uint8Array.of(0x80), 7), "03020780"],
    ["an object identifier", objectId("1.2.840.10045.4.3.2"), "06082a8648ce3d040302"],
    ["text", utf8("ä"), "0c02c3a4"],
    ["an empty sequence", sequence(), "3000"],
    ["a set, in order", setOf(utf8("b"), utf8("a")), "31060c01610c0162"],
    ["127 bytes", der(4, new Uint8Array(127)).subarray(0, 3), "047f00"],
    ["128 bytes", der(4, new Uint8Array(128)).subarray(0, 4), "04818000"],
    ["256 bytes", der(4, new Uint8Array(256)).subarray(0, 4), "04820100"],
    [
      "a time before 2050",
      time(Date.parse("2049-12-31T23:59:59Z")),
      `170d${Buffer.from("491231235959Z").toString("hex")}`,
    ],
    ["a time after", time(Date.parse("2050-01-01T00:00:00Z")), `180f${Buffer.from("20500101000000Z").toString("hex")}`],
  ];
  for (const [what, bytes, hex] of rows) {
    test(`writes ${what}`, () => expect(Buffer.from(bytes).toString("hex")).toBe(hex));
  }
});
