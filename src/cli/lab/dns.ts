// `twill lab dns`, hidden: cluster DNS, in a pod of a lab.

import { readFileSync } from "node:fs";
import type { CommandIo } from "#cli/command.ts";
import { pace } from "#cli/pace.ts";
import { untilStopped } from "#cli/stop-signal.ts";
import { timedLog } from "#cli/timed-log.ts";
import { findCluster } from "#kube/find-cluster.ts";
import { runClusterDns } from "#lab/dns/main.ts";
import { parseResolvConf } from "#plugins/host-local/resolv-conf.ts";

const resolvConf = "/etc/resolv.conf";

export async function labDns(_given: unknown, io: CommandIo): Promise<number> {
  const [nameserver] = parseResolvConf(readFileSync(resolvConf, "utf8")).nameservers ?? [];
  await runClusterDns({
    ...{ cluster: findCluster(undefined, io.env), nameserver, pace, stopped: untilStopped() },
    log: timedLog(io.stdout),
  });
  return 0;
}
