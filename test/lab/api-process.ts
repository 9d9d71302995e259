// An API server with two nodes in it, as a process of a namespace: FOLDER ADDRESS. Writes the administrator's kubeconfig into the folder.

import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BareServer } from "./bare-server.ts";
import { serveHttps } from "./https.ts";

const port = 6443;
const [folder = "", address = ""] = process.argv.slice(2);

const server = new BareServer();
const stack = new AsyncDisposableStack();
const { kubeconfig } = await serveHttps(stack, server.server, { address, port });
for (const number of [1, 2]) {
  const addresses = [`172.30.0.1${number}`, `fd00:30::1${number}`];
  await server.addNode(`node${number}`, [`10.244.${number}.0/24`, `fd00:10:244:${number}::/64`], addresses);
}
const file = join(folder, "kubeconfig");
writeFileSync(`${file}.new`, kubeconfig);
renameSync(`${file}.new`, file);
process.stdout.write("ready\n");
