// The built executables in a runtime's hands: where they are, their service on a node, and what remains of attachments.
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Sandbox, type Started } from "../sandbox.ts";
import { Node } from "./node.ts";

const dist = join(import.meta.dir, "../../dist");
const socket = "/run/twill/plugins.sock";
const startWaitMs = 30_000;
const sweepWaitMs = 30_000;

/** The folder with our plugins; throws when they are not built. */
export function builtPlugins(): string {
  return join(built("cni/bin/twill-standalone"), "..");
}

/** A folder with the shims alone: a call that the service does not take fails. */
export function servedPlugins(node: Node): string {
  const folder = join(node.folder, "shims");
  mkdirSync(folder);
  for (const name of readdirSync(builtPlugins())) {
    if (name !== "twill-standalone") copyFileSync(join(builtPlugins(), name), join(folder, name));
  }
  return folder;
}

/** Starts the service of the plugins in the node, at its usual socket, and waits until it listens. */
export async function startService(node: Node): Promise<Started> {
  const service = node.start([built("twill"), "plugins"]);
  const giveUp = performance.now() + startWaitMs;
  while (!existsSync(node.outside(socket))) {
    if (performance.now() > giveUp) {
      throw new Error(`The plugins' service does not listen within ${startWaitMs} ms. It said:\n${service.output()}`);
    }
    await Bun.sleep(5);
  }
  return service;
}

/** The two ways in which a runtime's calls reach our plugins. */
export const ways = ["served", "stand-alone"] as const;

export type PreparedNode = { readonly node: Node; readonly pluginDir: string; readonly configDir: string };

/** A node with our plugins for the runtime's plugin folder, and one network in its configuration folder. */
export async function prepareNode(
  resources: DisposableStack,
  way: (typeof ways)[number],
  network: { readonly name: string },
): Promise<PreparedNode> {
  const box = resources.use(new Sandbox());
  const node = resources.use(new Node(box));
  if (way === "served") await startService(node);
  const pluginDir = way === "served" ? servedPlugins(node) : builtPlugins();
  const configDir = join(node.folder, "net.d");
  mkdirSync(configDir);
  writeFileSync(join(configDir, `10-${network.name}.conflist`), JSON.stringify(network));
  return { node, pluginDir, configDir };
}

export type Remains = Readonly<Record<"links" | "elements" | "addresses" | "records", readonly string[]>>;

export const nothingRemains: Remains = { links: [], elements: [], addresses: [], records: [] };

/** What the node holds for attachments. */
export function remains(node: Node): Remains {
  const links = node.sh(["ip", "-br", "link"]).split("\n");
  return {
    links: links.filter((line) => line !== "" && !/^(lo|br0) /.test(line)),
    elements: elements(node),
    // Beside them the folder has a lock and the address that was given last.
    addresses: files(node.outside("/var/lib/cni/networks")).filter((name) => /\/[0-9a-f]+[.:][^/]*$/.test(name)),
    records: files(node.outside("/run/twill/cni")),
  };
}

/** After a moment in which the service may still take links away that DEL has cut off. */
export async function remainsAtLast(node: Node): Promise<Remains> {
  const giveUp = performance.now() + sweepWaitMs;
  for (;;) {
    const held = remains(node);
    if (held.links.length === 0 || performance.now() > giveUp) return held;
    await Bun.sleep(20);
  }
}

/** What an HTTP server that takes a moment to listen hands out to the node. */
export async function fetched(node: Node, url: string): Promise<string> {
  const command = ["busybox", "wget", "-q", "-O", "-", url];
  for (let round = 0; round < 1000; round++) {
    const { exitCode, stdout } = node.run(command, { timeoutMs: 20_000 });
    if (exitCode === 0) return stdout;
    await Bun.sleep(20);
  }
  return node.sh(command);
}

/** Of all sets and maps of nftables, as JSON. */
function elements(node: Node): readonly string[] {
  type Collection = { readonly name: string; readonly elem?: readonly unknown[] };
  type Listing = { readonly nftables: readonly { readonly set?: Collection; readonly map?: Collection }[] };
  const { nftables } = JSON.parse(node.sh(["nft", "-j", "list", "ruleset"])) as Listing;
  return nftables
    .flatMap(({ set, map }) => [set, map])
    .flatMap((held) => (held?.elem ?? []).map((elem) => `${held?.name} ${JSON.stringify(elem)}`));
}

function files(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

/** Something that `make build` has made; throws when it has not. */
export function built(path: string): string {
  const file = join(dist, path);
  if (!existsSync(file)) throw new Error(`Cannot find ${file}: run make build`);
  return file;
}
