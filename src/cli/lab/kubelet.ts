// `twill lab kubelet`, hidden: a node's kubelet.

import { dirname, join } from "node:path";
import type { CommandIo } from "#cli/command.ts";
import { pace } from "#cli/pace.ts";
import { untilStopped } from "#cli/stop-signal.ts";
import { timedLog } from "#cli/timed-log.ts";
import { runKubelet } from "#lab/kubelet/main.ts";

type KubeletCall = { readonly args: { readonly config: string } };

export async function labKubelet({ args: { config } }: KubeletCall, io: CommandIo): Promise<number> {
  const host = {
    ...{ now: () => Date.now(), pace, stopped: untilStopped() },
    log: timedLog(io.stdout),
    podTool: join(dirname(process.execPath), "twill-pod"),
    twill: process.execPath,
  };
  await runKubelet(host, config);
  return 0;
}
