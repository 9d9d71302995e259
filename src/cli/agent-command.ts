// The declarations of the commands of a node: the agent itself, and what it tells about the node's network.

import { defaultRunDir } from "#plugins/run-dir.ts";
import { leaf } from "./command.ts";

export const agentCommand = leaf({
  summary: "makes the network of a node's pods",
  about:
    "Makes the network of this node's pods, as one of a Kubernetes cluster. It serves the container runtime: type twill of CNI and all\n" +
    "standard plugins. When it stops, pods keep their network.",
  flags: {
    config: {
      short: "c",
      value: "FILE",
      complete: "file",
      env: "TWILL_CONFIG",
      about: "its configuration in YAML; everything has a default",
    },
    node: { value: "NAME", env: "NODE_NAME", about: "name of this node in the cluster; the host's unless given" },
    kubeconfig: {
      value: "FILE",
      complete: "file",
      env: "KUBECONFIG",
      about: "how to reach the API server; within a pod, its service account unless given",
    },
    socket: {
      value: "PATH",
      complete: "file",
      env: "TWILL_PLUGINS_SOCKET",
      default: "/run/twill/plugins.sock",
      about: "where to listen for the shims",
    },
    "run-dir": {
      value: "DIR",
      complete: "folder",
      env: "TWILL_RUN_DIR",
      default: defaultRunDir,
      about: "folder for records that a reboot may forget",
    },
  },
  load: async () => (await import("#cli/agent/run.ts")).runAgent,
});
