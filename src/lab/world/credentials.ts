// A lab's own authority, and who it vouches for: the API server, the administrator, the nodes.

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isErrno } from "#kernel/errno.ts";
import { formatKubeconfig } from "#kube/kubeconfig.ts";
import { type KeyPair, makeCertificate, type Subject } from "#lab/apiserver/pki/certificate.ts";
import { controlAddress, gatewayOf, nodeAddresses, serviceBlock } from "#lab/fabric/addresses.ts";
import { familiesOf, LabError, type LabSpec } from "#lab/spec.ts";
import { writeWhole } from "#lab/whole-file.ts";
import { type Ip, ip, ipBytes } from "#net/ip.ts";
import { nodePlaces, operatorKubeconfig, type Places } from "./places.ts";

/** Where the API server listens in the lab. */
export const apiPort = 6443;

const authority: Subject = { commonName: "twill-lab" };
/** As deploy/ has it. */
export const accountNamespace = "twill-system";
const administrator: Subject = { commonName: "kubernetes-admin", organizations: ["system:masters"] };
const dayMs = 86_400_000;
const validDays = 3650;
const secret = 0o600;

const serverNames = [
  "localhost",
  "kubernetes",
  "kubernetes.default",
  "kubernetes.default.svc",
  "kubernetes.default.svc.cluster.local",
];

export type CredentialsHost = {
  readonly now: () => number;
  readonly random: (bytes: Uint8Array) => Uint8Array;
};

/** All PEM. */
export type ServerCredentials = {
  readonly certificate: string;
  readonly key: string;
  readonly authority: string;
  /** Signs tokens of service accounts. */
  readonly signingKey: string;
  /** How the API server shows itself to kubelets. */
  readonly toKubelets: { readonly certificate: string; readonly key: string; readonly authority: string };
};

/** Makes what is missing; what is there stays, so that clients of a mended lab go on. */
export function ensureCredentials(host: CredentialsHost, places: Places, spec: LabSpec): void {
  const pki = pkiFolder(places.control);
  mkdirSync(pki, { recursive: true, mode: 0o700 });
  const root = ensurePair(host, pki, "ca", { subject: authority, use: "authority" });
  const issuer = { subject: authority, key: root.key };
  const families = familiesOf(spec.family);
  const addresses: readonly Ip[] = [
    ip("127.0.0.1"),
    ...families.flatMap((family) => [controlAddress[family], gatewayOf(serviceBlock[family])]),
  ];
  ensurePair(host, pki, "server", {
    ...{ subject: { commonName: "kube-apiserver" }, use: "server", issuer, dnsNames: serverNames },
    addresses: addresses.map(ipBytes),
  });
  ensurePair(host, pki, "sa", { subject: { commonName: "service-accounts" }, use: "client", issuer });
  const toKubelets = { commonName: "kube-apiserver-kubelet-client", organizations: ["system:masters"] };
  ensurePair(host, pki, "kubelet-client", { subject: toKubelets, use: "client", issuer });
  const admin = ensurePair(host, pki, "admin", { subject: administrator, use: "client", issuer });
  writeKubeconfig(places.kubeconfig, places.name, `https://127.0.0.1:${spec.port}`, root, admin);
  const [family = "ipv4"] = families;
  const server = `https://${bracketed(controlAddress[family])}:${apiPort}`;
  const accountKubeconfig = (path: string, account: string) => {
    if (spec.agents === undefined) return;
    const pair = ensurePair(host, pki, account, { subject: accountSubject(account), use: "client", issuer });
    writeKubeconfig(path, places.name, server, root, pair);
  };
  accountKubeconfig(operatorKubeconfig(places), "twill-operator");
  for (const node of spec.nodes) {
    const subject = { commonName: `system:node:${node.name}`, organizations: ["system:nodes"] };
    const pair = ensurePair(host, pki, `node-${node.name}`, { subject, use: "client", issuer });
    const { kubelet, agent } = nodePlaces(places, node.name);
    writeKubeconfig(join(kubelet, "kubeconfig"), places.name, server, root, pair);
    accountKubeconfig(join(agent, "kubeconfig"), "twill-agent");
    const own = join(kubelet, "pki");
    const wish = { subject, use: "server", issuer, dnsNames: [node.name] } as const;
    ensurePair(host, own, "server", { ...wish, addresses: nodeAddresses(spec, node).map(ipBytes) });
    writeWhole(certificatePath(own, "ca"), root.certificate);
  }
}

/** A service account of Twill's own, by a certificate in the place of a token: it has the rights that deploy/ gives the account. */
function accountSubject(account: string): Subject {
  const groups = ["system:serviceaccounts", `system:serviceaccounts:${accountNamespace}`];
  return { commonName: `system:serviceaccount:${accountNamespace}:${account}`, organizations: groups };
}

/** What `ensureCredentials` made for the API server. */
export function readServerCredentials(control: string): ServerCredentials {
  const requirePair = (name: string): KeyPair => {
    const pair = readPair(pkiFolder(control), name);
    if (pair !== undefined) return pair;
    throw new LabError(`Cannot find certificate "${name}" in ${control}: mend the lab with twill lab up`);
  };
  const authority = requirePair("ca").certificate;
  return {
    ...requirePair("server"),
    authority,
    signingKey: requirePair("sa").key,
    toKubelets: { ...requirePair("kubelet-client"), authority },
  };
}

type Wish = Pick<Parameters<typeof makeCertificate>[0], "subject" | "use" | "issuer" | "dnsNames" | "addresses">;

function ensurePair({ now, random }: CredentialsHost, folder: string, name: string, wish: Wish): KeyPair {
  const found = readPair(folder, name);
  if (found !== undefined) return found;
  const nowMs = now();
  // A clock that is set back a little does no harm.
  const pair = makeCertificate({ ...wish, random, notBeforeMs: nowMs - dayMs, notAfterMs: nowMs + validDays * dayMs });
  // The key first: a certificate that is there has its key.
  writeWhole(keyPath(folder, name), pair.key, secret);
  writeWhole(certificatePath(folder, name), pair.certificate);
  return pair;
}

function readPair(folder: string, name: string): KeyPair | undefined {
  try {
    return {
      certificate: readFileSync(certificatePath(folder, name), "utf8"),
      key: readFileSync(keyPath(folder, name), "utf8"),
    };
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

function writeKubeconfig(path: string, lab: string, server: string, root: KeyPair, pair: KeyPair): void {
  const cluster = {
    server,
    certificateAuthority: root.certificate,
    clientCertificate: pair.certificate,
    clientKey: pair.key,
  };
  writeWhole(path, formatKubeconfig(`twill-lab-${lab}`, cluster), secret);
}

function pkiFolder(control: string): string {
  return join(control, "pki");
}

function certificatePath(folder: string, name: string): string {
  return join(folder, `${name}.crt`);
}

function keyPath(folder: string, name: string): string {
  return join(folder, `${name}.key`);
}

function bracketed(address: Ip): string {
  return address.includes(":") ? `[${address}]` : address;
}
