// The declaration of `twill cni`: joins a namespace to a network by hand, with the environment that cnitool takes.

import { defaultCacheDir } from "#cni/cache.ts";
import { defaultConfDir } from "#cni/lookup.ts";
import type { Attachment } from "#cni/plugin.ts";
import { type Flags, type Group, leaf, outputFlag, UsageError } from "./command.ts";

const network = { about: "name of the network, as its configuration file has it" } as const;
const netns = { about: "path of the network namespace", complete: "file" } as const;
const ignoredNetns = { ...netns, about: "not looked at; cnitool wants one", optional: true } as const;

const sharedFlags = {
  ...outputFlag,
  "cache-dir": {
    value: "DIR",
    complete: "folder",
    default: defaultCacheDir,
    about: "where results are remembered",
  },
} as const satisfies Flags;

const attachmentFlags = {
  ifname: {
    short: "i",
    value: "NAME",
    env: "CNI_IFNAME",
    default: "eth0",
    about: "interface in the namespace",
  },
  "container-id": { value: "ID", about: "instead of cnitool- and a hash of the namespace's path" },
  ...sharedFlags,
} as const satisfies Flags;

const environment = {
  CNI_PATH: "folders with plugins, separated by colons",
  NETCONFPATH: `folder with network configurations (${defaultConfDir})`,
};

const attachmentEnvironment = {
  ...environment,
  CNI_ARGS: "KEY=VALUE;KEY=VALUE for the plugins",
  CAP_ARGS: 'JSON object of capability arguments: {"portMappings": [...]}',
};

export const cniCommand: Group = {
  summary: "acts as a container runtime: joins a namespace to a network",
  about: "Joins network namespaces to the networks of configuration files, as container runtimes do.",
  commands: {
    add: leaf({
      summary: "runs the network's plugins and prints the result as JSON",
      args: { network, netns },
      flags: {
        undo: { about: "when a plugin fails, take back what the others made" },
        ...attachmentFlags,
      },
      environment: attachmentEnvironment,
      load: async () => (await import("./cni.ts")).cniAdd,
    }),
    del: leaf({
      summary: "takes back what add made; may be repeated",
      args: { network, netns },
      flags: attachmentFlags,
      environment: attachmentEnvironment,
      load: async () => (await import("./cni.ts")).cniDel,
    }),
    check: leaf({
      summary: "fails unless everything is as add left it",
      args: { network, netns },
      flags: attachmentFlags,
      environment: attachmentEnvironment,
      load: async () => (await import("./cni.ts")).cniCheck,
    }),
    gc: leaf({
      summary: "frees what is left of attachments that are gone",
      about: "Frees what is left of attachments not named by --keep: of all, if there is none.",
      args: { network, netns: ignoredNetns },
      flags: {
        keep: {
          value: "ID:IFNAME",
          repeated: true,
          parse: parseKeep,
          about: "a container's interface that is still in use",
        },
        ...sharedFlags,
      },
      environment,
      load: async () => (await import("./cni.ts")).cniGc,
    }),
    status: leaf({
      summary: "fails unless the plugins could serve an add now",
      args: { network, netns: ignoredNetns },
      flags: sharedFlags,
      environment,
      load: async () => (await import("./cni.ts")).cniStatus,
    }),
  },
};

function parseKeep(text: string): Attachment {
  const colon = text.indexOf(":");
  if (colon > 0 && colon < text.length - 1) {
    return { containerID: text.slice(0, colon), ifname: text.slice(colon + 1) };
  }
  throw new UsageError("must be CONTAINERID:IFNAME");
}
