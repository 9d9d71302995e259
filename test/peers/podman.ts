// Debian's podman with its CNI backend as a second real caller of plugins: libcni's other dialect.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Ran, RunOptions } from "../sandbox.ts";
import { needsTools } from "../tools.ts";
import { buildImage, imageName } from "./image.ts";
import type { Node } from "./node.ts";

export type PodmanOptions = {
  readonly node: Node;
  /** Folders with plugins, the first that has one counts. */
  readonly pluginDirs: readonly string[];
  /** Folder of the conflists; read anew by every command. Plugins of any name are accepted in them. */
  readonly configDir: string;
  /** The name in one of the conflists that `--network` defaults to. */
  readonly defaultNetwork: string;
  /** For podman, and so for the plugins. */
  readonly env?: Readonly<Record<string, string>>;
};

const tools = {
  busybox: "busybox-static",
  conmon: "conmon",
  podman: "podman",
  runc: "runc",
  setpriv: "util-linux",
  tar: "tar",
};

/** Runs podman's commands in a node. There is no daemon: what containers leave running goes with the node. */
export class Podman {
  /** To be named in `podman run`. */
  readonly image: string = imageName;
  readonly #options: PodmanOptions;
  readonly #env: Readonly<Record<string, string>>;

  /** Writes the configuration and loads the image. */
  constructor(options: PodmanOptions) {
    needsTools("run podman", tools);
    this.#options = options;
    const folder = join(options.node.folder, "podman");
    const images = join(folder, "image");
    mkdirSync(images, { recursive: true });
    const containers = join(folder, "containers.conf");
    const storage = join(folder, "storage.conf");
    writeFileSync(containers, containersConf(options, folder));
    writeFileSync(storage, storageConf(folder));
    this.#env = { CONTAINERS_CONF: containers, CONTAINERS_STORAGE_CONF: storage, TMPDIR: images, ...options.env };
    this.sh(["load", "--quiet", "--input", buildImage(images)]);
  }

  /** Runs `podman ARGS` and waits for it, whatever its exit code. */
  run(args: readonly string[], options: RunOptions = {}): Ran {
    return this.#options.node.run(this.#command(args), this.#surroundings(options));
  }

  /** Runs `podman ARGS` and returns its stdout; throws with its stderr when it fails. */
  sh(args: readonly string[], options: RunOptions = {}): string {
    return this.#options.node.sh(this.#command(args), this.#surroundings(options));
  }

  #command(args: readonly string[]): readonly string[] {
    const [verb, ...rest] = args;
    // Without a parent of their own, the containers' control groups would outlive a killed test.
    const makes = verb === "run" || verb === "create";
    const parent = makes ? [`--cgroup-parent=/${this.#options.node.cgroup}`] : [];
    return ["podman", ...(verb === undefined ? [] : [verb]), ...parent, ...rest];
  }

  #surroundings(options: RunOptions): RunOptions {
    return { ...options, env: { ...this.#env, ...options.env } };
  }
}

function containersConf({ pluginDirs, configDir, defaultNetwork }: PodmanOptions, folder: string): string {
  const path = (name: string) => JSON.stringify(join(folder, name));
  return `
[network]
network_backend = "cni"
cni_plugin_dirs = ${JSON.stringify(pluginDirs)}
network_config_dir = ${JSON.stringify(configDir)}
default_network = ${JSON.stringify(defaultNetwork)}
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
infra_image = "${imageName}"
infra_command = ""
# Where the clean-up that conmon starts looks for it: that one is told the storage folder alone.
static_dir = ${path("storage/libpod")}
tmp_dir = ${path("tmp")}
volume_path = ${path("volumes")}
[containers]
# Raising the limits to podman's own defaults takes CAP_SYS_RESOURCE, which root may lack where tests run.
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
log_driver = "k8s-file"
`;
}

function storageConf(folder: string): string {
  return `
[storage]
driver = "overlay"
graphroot = ${JSON.stringify(join(folder, "storage"))}
runroot = ${JSON.stringify(join(folder, "run"))}
`;
}
