// dummy: an interface that leads nowhere, to hold addresses.

import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call, Plugin } from "#cni/plugin.ts";
import type { Result } from "#cni/result.ts";
import { versionsFrom } from "#cni/version.ts";
import { addLink } from "#netlink/link.ts";
import {
  addContainerLink,
  checkContainerLink,
  delContainerLink,
  gcContainerLinks,
  statusContainerLinks,
} from "#plugins/container-link.ts";
import type { Host } from "#plugins/host.ts";
import { ipamType } from "#plugins/ipam.ts";

export const dummy: Plugin<Host> = {
  name: "dummy",
  about: "CNI dummy plugin: gives a container an interface that leads nowhere",
  versions: versionsFrom("0.1.0"),
  add,
  del: (call, host) => delContainerLink(call, host, "dummy", () => host.remover),
  check: (call, host) => checkContainerLink(call, host, "dummy", () => {}),
  gc: gcContainerLinks,
  status: statusContainerLinks,
};

async function add(call: Call, host: Host): Promise<Result> {
  if (ipamType(call) === undefined) {
    throw new CniError(
      ErrorCode.invalidConfig,
      `${call.type}: field "ipam.type" is missing: the interface is good for nothing without addresses`,
    );
  }
  return await addContainerLink(call, host, {
    make({ container }) {
      container.apply([addLink({ name: call.ifname }, { kind: "dummy" })]);
      return call.ifname;
    },
  });
}
