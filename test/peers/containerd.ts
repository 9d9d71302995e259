// Debian's containerd as a node's container runtime, driven as a kubelet would: a real caller of CNI plugins.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Started } from "../sandbox.ts";
import { needsTools } from "../tools.ts";
import { Cri, type Dns, type PodConfig, type PortMapping } from "./cri.ts";
import { buildImage, imageName } from "./image.ts";
import type { Node } from "./node.ts";

export type ContainerdOptions = {
  readonly node: Node;
  /** Where the plugins are; `loopback` must be among them. containerd 1.6 takes one folder. */
  readonly pluginDir: string;
  /** Where the network configurations are: the first by name counts. Write into it, or rename inside it: a file that is
   *  moved in from elsewhere goes unnoticed. */
  readonly configDir: string;
  /** For containerd, and so for the plugins. */
  readonly env?: Readonly<Record<string, string>>;
};

export type PodOptions = {
  readonly name: string;
  readonly namespace?: string;
  readonly portMappings?: readonly PortMapping[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly dns?: Dns;
  /** Lets the pod use the node's network: no plugin is called. */
  readonly hostNetwork?: boolean;
};

export type Pod = { readonly id: string; readonly config: PodConfig };
export type Container = { readonly id: string };

export type PodStatus = {
  readonly ready: boolean;
  /** The first is the pod's main address. */
  readonly ips: readonly string[];
  /** The pod's network namespace as seen outside of the node; undefined with `hostNetwork`. */
  readonly netns: string | undefined;
  /** What containerd made of the plugins' result; undefined with `hostNetwork`. */
  readonly cniResult: unknown;
};

export type RuntimeStatus = {
  readonly networkReady: boolean;
  /** Why the network is not ready. */
  readonly message: string;
  /** The name in the configuration that new pods are run with. */
  readonly network: string | undefined;
};

export type ExecResult = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

const tools = {
  busybox: "busybox-static",
  containerd: "containerd",
  "containerd-shim-runc-v2": "containerd",
  ctr: "containerd",
  runc: "runc",
  setpriv: "util-linux",
  tar: "tar",
};
const startWaitMs = 30_000;
const callTimeoutMs = 60_000;
const execTimeoutS = 10;

/** Starts containerd in the node, with one image, and waits until it answers. */
export async function startContainerd(options: ContainerdOptions): Promise<Containerd> {
  needsTools("run containerd", tools);
  const containerd = new Containerd(options);
  await containerd.start();
  const images = join(options.node.folder, "image");
  mkdirSync(images);
  containerd.ctr(["image", "import", buildImage(images)]);
  return containerd;
}

/** A running containerd. It and its pods go with the node, so it needs no disposal of its own. */
export class Containerd {
  readonly #options: ContainerdOptions;
  readonly #socket: string;
  readonly #config: string;
  #running: { readonly process: Started; readonly cri: Cri } | undefined;
  #pods = 0;

  /** Use `startContainerd`. */
  constructor(options: ContainerdOptions) {
    this.#options = options;
    const { folder } = options.node;
    this.#socket = join(folder, "containerd.sock");
    this.#config = join(folder, "containerd.toml");
    writeFileSync(this.#config, configuration(options, this.#socket));
  }

  /** Starts the daemon again after `stop()`: pods have lived on meanwhile, as on a node where it is upgraded. */
  async start(): Promise<void> {
    const { node, env } = this.#options;
    const process = node.start(["containerd", "--config", this.#config], env === undefined ? {} : { env });
    const cri = new Cri(this.#socket);
    this.#running = { process, cri };
    const giveUp = performance.now() + startWaitMs;
    let cause: unknown;
    while (performance.now() < giveUp) {
      try {
        await cri.call("Status", { verbose: false }, 1000);
        return;
      } catch (error) {
        cause = error;
        await Bun.sleep(20);
      }
    }
    throw new Error(`containerd does not answer within ${startWaitMs} ms. It said:\n${process.output()}`, { cause });
  }

  /** Kills the daemon alone. */
  stop(): void {
    this.#running?.cri.close();
    this.#running?.process.kill();
    this.#running = undefined;
  }

  /** Whether the network is configured, in the runtime's opinion. */
  async status(): Promise<RuntimeStatus> {
    const { status, info } = await this.#cri().call("Status", { verbose: true }, callTimeoutMs);
    const condition = status.conditions.find(({ type }) => type === "NetworkReady");
    const loaded: CniConfig = JSON.parse(info["cniconfig"] ?? "{}") ?? {};
    const network = loaded.Networks?.find(({ IFName }) => IFName === "eth0")?.Config?.Name;
    return { networkReady: condition?.status ?? false, message: condition?.message ?? "", network };
  }

  /** Waits until the configuration of the named network has been noticed and is in use. */
  async networkReady(name: string): Promise<void> {
    const giveUp = performance.now() + startWaitMs;
    for (;;) {
      const { networkReady, network, message } = await this.status();
      if (networkReady && network === name) return;
      if (performance.now() > giveUp) {
        const { configDir } = this.#options;
        const found = network === undefined ? message : `it uses ${network}`;
        throw new Error(`containerd did not take network ${name} from ${configDir} within ${startWaitMs} ms: ${found}`);
      }
      await Bun.sleep(20);
    }
  }

  /** Runs a pod: CNI ADD. Rejects with the plugins' error. */
  async runPod(options: PodOptions, timeoutMs = callTimeoutMs): Promise<Pod> {
    const config = podConfig(options, this.#options.node.cgroup, this.#pods++);
    const { podSandboxId } = await this.#cri().call("RunPodSandbox", { config }, timeoutMs);
    return { id: podSandboxId, config };
  }

  async podStatus(pod: Pod): Promise<PodStatus> {
    const request = { podSandboxId: pod.id, verbose: true };
    const { status, info } = await this.#cri().call("PodSandboxStatus", request, callTimeoutMs);
    const details: Details = JSON.parse(info["info"] ?? "{}");
    const path = details.runtimeSpec?.linux?.namespaces?.find(({ type }) => type === "network")?.path;
    const ips = status.network === null ? [] : [status.network.ip, ...status.network.additionalIps.map(({ ip }) => ip)];
    return {
      ready: status.state === "SANDBOX_READY",
      ips: ips.filter((ip) => ip !== ""),
      netns: path === undefined ? undefined : this.#options.node.outside(path.replace(/^\/var\/run\//, "/run/")),
      cniResult: details.cniResult ?? undefined,
    };
  }

  /** Starts a container in the pod, which sleeps unless given a command. */
  async runContainer(pod: Pod, command: readonly string[] = ["sleep", "3600"], name = "main"): Promise<Container> {
    const config = {
      metadata: { name },
      image: { image: imageName },
      command,
      linux: { securityContext: { namespaceOptions: { ...pod.config.linux.securityContext.namespaceOptions } } },
    };
    const request = { podSandboxId: pod.id, config, sandboxConfig: pod.config };
    const { containerId } = await this.#cri().call("CreateContainer", request, callTimeoutMs);
    await this.#cri().call("StartContainer", { containerId }, callTimeoutMs);
    return { id: containerId };
  }

  /** Runs a command in the container, ten seconds at most. */
  async execSync(container: Container, cmd: readonly string[]): Promise<ExecResult> {
    const request = { containerId: container.id, cmd, timeout: execTimeoutS };
    const { exitCode, stdout, stderr } = await this.#cri().call("ExecSync", request, callTimeoutMs);
    return { exitCode, stdout: text(stdout), stderr: text(stderr) };
  }

  /** Stops the pod with its containers: CNI DEL. */
  async stopPod(pod: Pod): Promise<void> {
    await this.#cri().call("StopPodSandbox", { podSandboxId: pod.id }, callTimeoutMs);
  }

  /** Removes the pod: CNI DEL again, without a namespace and without the previous result. */
  async removePod(pod: Pod): Promise<void> {
    await this.#cri().call("RemovePodSandbox", { podSandboxId: pod.id }, callTimeoutMs);
  }

  /** Runs containerd's own command line client on the pods' part of its store. */
  ctr(words: readonly string[]): string {
    return this.#options.node.sh(["ctr", "--address", this.#socket, "--namespace", "k8s.io", ...words]);
  }

  /** What the daemon has logged since it was started. */
  log(): string {
    return this.#running?.process.output() ?? "";
  }

  #cri(): Cri {
    if (this.#running === undefined) throw new Error("Cannot call containerd: it is stopped, start() it first");
    return this.#running.cri;
  }
}

/** The part of the runtime's verbose status that is read here; its shape is containerd's own. */
type CniConfig = {
  readonly Networks?: readonly { readonly IFName: string; readonly Config?: { readonly Name: string } }[];
};

/** The part of a pod's verbose status that is read here; its shape is containerd's own. */
type Details = {
  readonly cniResult?: unknown;
  readonly runtimeSpec?: {
    readonly linux?: { readonly namespaces?: readonly { readonly type: string; readonly path?: string }[] };
  };
};

function configuration({ node, pluginDir, configDir }: ContainerdOptions, socket: string): string {
  const path = (name: string) => JSON.stringify(join(node.folder, name));
  return `
version = 2
root = ${path("root")}
state = ${path("state")}
oom_score = 0
disabled_plugins = [${["aufs", "btrfs", "devmapper", "zfs"].map((name) => `"io.containerd.snapshotter.v1.${name}"`).join(", ")}]
[grpc]
  address = ${JSON.stringify(socket)}
[ttrpc]
  address = ${JSON.stringify(`${socket}.ttrpc`)}
[debug]
  level = "debug"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${imageName}"
  # Lowering the score takes CAP_SYS_RESOURCE, which root may lack where tests run.
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = ${JSON.stringify(pluginDir)}
    conf_dir = ${JSON.stringify(configDir)}
    max_conf_num = 1
`;
}

function podConfig(options: PodOptions, cgroup: string, number: number): PodConfig {
  const {
    name,
    namespace = "default",
    portMappings = [],
    labels = {},
    annotations = {},
    hostNetwork = false,
  } = options;
  return {
    metadata: { name, namespace, uid: `${name}-${number}`, attempt: 0 },
    hostname: hostNetwork ? "" : name, // The node's network comes with the node's host name, and that must not be set.
    ...(options.dns === undefined ? {} : { dnsConfig: options.dns }),
    portMappings,
    labels,
    annotations,
    linux: {
      cgroupParent: `/${cgroup}`,
      securityContext: { namespaceOptions: { network: hostNetwork ? "NODE" : "POD", pid: "CONTAINER" } },
    },
  };
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
