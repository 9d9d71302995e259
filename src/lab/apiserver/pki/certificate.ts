// X.509 certificates (RFC 5280) of the three kinds that a cluster has: authority, server, client.

import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  objectId,
  octetString,
  sequence,
  setOf,
  time,
  utf8,
} from "./der.ts";

/** A certificate and its key, both PEM. */
export type KeyPair = { readonly certificate: string; readonly key: string };

/** Common name is the user, organisations are the groups (Kubernetes documentation, "X509 client certificates"). */
export type Subject = { readonly commonName: string; readonly organizations?: readonly string[] };

export type CertificateOptions = {
  readonly subject: Subject;
  readonly use: "authority" | "server" | "client";
  /** Names and addresses of a server. */
  readonly dnsNames?: readonly string[];
  /** As bytes: 4 or 16. */
  readonly addresses?: readonly Uint8Array[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly random: (bytes: Uint8Array) => Uint8Array;
  /** Who signs; undefined: itself. */
  readonly issuer?: { readonly subject: Subject; readonly key: string } | undefined;
};

/** Makes a key of the curve P-256 and a certificate for it. */
export function makeCertificate(options: CertificateOptions): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issuerKey = options.issuer === undefined ? privateKey : createPrivateKey(options.issuer.key);
  const body = toBeSigned(options, publicKey, issuerKey);
  const certificate = sequence(body, ecdsaWithSha256, bitString(sign("sha256", body, issuerKey)));
  return {
    certificate: pem("CERTIFICATE", certificate),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

// 1.2.840.10045.4.3.2: RFC 5758, 3.2
const ecdsaWithSha256 = sequence(objectId("1.2.840.10045.4.3.2"));

/** TBSCertificate, RFC 5280 4.1. */
function toBeSigned(options: CertificateOptions, publicKey: KeyObject, issuerKey: KeyObject): Uint8Array {
  const { subject, issuer, notBeforeMs, notAfterMs, random } = options;
  return sequence(
    explicit(0, integer(Uint8Array.of(2))), // v3
    integer(serialNumber(random)),
    ecdsaWithSha256,
    name(issuer?.subject ?? subject),
    sequence(time(notBeforeMs), time(notAfterMs)),
    name(subject),
    spki(publicKey),
    explicit(3, sequence(...extensions(options, publicKey, createPublicKey(issuerKey)))),
  );
}

/** "Serial number values longer than 20 octets" must not be used (4.1.2.2); the first bit is kept 0, the number positive. */
function serialNumber(random: CertificateOptions["random"]): Uint8Array {
  const bytes = random(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

/** Organisations first, as X.500 goes from the large to the small. */
function name({ commonName, organizations = [] }: Subject): Uint8Array {
  const attribute = (type: string, value: string) => setOf(sequence(objectId(type), utf8(value)));
  return sequence(...organizations.map((value) => attribute("2.5.4.10", value)), attribute("2.5.4.3", commonName));
}

function spki(key: KeyObject): Uint8Array {
  return key.export({ type: "spki", format: "der" });
}

/** Of a key: SHA-1 of its public key (4.2.1.2, first method); here it only tells keys apart. */
function keyIdentifier(key: KeyObject): Uint8Array {
  return createHash("sha1").update(spki(key)).digest();
}

/** Named bits of keyUsage (4.2.1.3), bit 0 first: digitalSignature, keyCertSign with cRLSign. */
const digitalSignature = bitString(Uint8Array.of(0x80), 7);
const certificateSigning = bitString(Uint8Array.of(0x06), 1);
const extendedUses = { server: "1.3.6.1.5.5.7.3.1", client: "1.3.6.1.5.5.7.3.2" } as const;

function extensions(
  { use, dnsNames = [], addresses = [] }: CertificateOptions,
  key: KeyObject,
  issuerKey: KeyObject,
): readonly Uint8Array[] {
  const names = [...dnsNames.map((text) => implicit(2, Buffer.from(text))), ...addresses.map((ip) => implicit(7, ip))];
  return [
    extension("2.5.29.19", true, use === "authority" ? sequence(boolean(true)) : sequence()), // basicConstraints
    extension("2.5.29.15", true, use === "authority" ? certificateSigning : digitalSignature), // keyUsage
    ...(use === "authority" ? [] : [extension("2.5.29.37", false, sequence(objectId(extendedUses[use])))]),
    extension("2.5.29.14", false, octetString(keyIdentifier(key))), // subjectKeyIdentifier
    extension("2.5.29.35", false, sequence(implicit(0, keyIdentifier(issuerKey)))), // authorityKeyIdentifier
    ...(names.length === 0 ? [] : [extension("2.5.29.17", false, sequence(...names))]), // subjectAltName
  ];
}

function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(objectId(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
