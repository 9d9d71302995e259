// An API server of a test on a socket of its own, with an authority that vouches for it and for its administrator.

import { formatKubeconfig } from "#kube/kubeconfig.ts";
import type { ApiServer } from "#lab/apiserver/api-server.ts";
import { HttpFront } from "#lab/apiserver/http.ts";
import { type KeyPair, makeCertificate } from "#lab/apiserver/pki/certificate.ts";
import { ip, ipBytes } from "#net/ip.ts";

const dayMs = 86_400_000;
const random = (bytes: Uint8Array) => crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>);
const subject = { commonName: "twill-test" };

/** A server that is listened for until the stack is disposed; the kubeconfig is the administrator's. */
export async function serveHttps(
  stack: AsyncDisposableStack,
  server: ApiServer,
  { address = "127.0.0.1", port: wanted = 0 } = {},
): Promise<{ readonly kubeconfig: string }> {
  const period = { notBeforeMs: Date.now() - dayMs, notAfterMs: Date.now() + dayMs };
  const authority = makeCertificate({ subject, use: "authority", random, ...period });
  const vouchFor = (commonName: string, use: "server" | "client"): KeyPair =>
    makeCertificate({
      ...{ subject: { commonName, organizations: ["system:masters"] }, use, random, ...period },
      ...{ addresses: [ipBytes(ip(address))], issuer: { subject, key: authority.key } },
    });
  const tls = { ...vouchFor("server", "server"), authority: authority.certificate };
  const front = stack.use(new HttpFront({ api: server, tls }));
  const port = await front.listen(address, wanted);
  const admin = vouchFor("admin", "client");
  const kubeconfig = formatKubeconfig("test", {
    server: `https://${address}:${port}`,
    certificateAuthority: authority.certificate,
    clientCertificate: admin.certificate,
    clientKey: admin.key,
  });
  return { kubeconfig };
}
