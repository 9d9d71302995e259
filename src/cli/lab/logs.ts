// `twill lab logs`: what a container has written.

import type { CommandIo } from "#cli/command.ts";
import { pods } from "#kube/resource.ts";
import { parsePodName } from "#lab/world/pod-target.ts";
import { adminClient } from "#lab/world/ready.ts";
import { openLab } from "./open-lab.ts";

type LogsCall = {
  readonly args: { readonly pod: string };
  readonly flags: {
    readonly lab: string | undefined;
    readonly namespace: string;
    readonly container: string | undefined;
    readonly follow: boolean;
    readonly previous: boolean;
    readonly tail: number | undefined;
  };
};

export async function labLogs({ args, flags }: LogsCall, io: CommandIo): Promise<number> {
  const { places } = openLab(flags.lab, io);
  const { container, follow, previous, tail } = flags;
  const query = {
    ...(container === undefined ? {} : { container }),
    ...(follow ? { follow: "true" } : {}),
    ...(previous ? { previous: "true" } : {}),
    ...(tail === undefined ? {} : { tailLines: String(tail) }),
  };
  const place = { ...parsePodName(args.pod, flags.namespace), subresource: "log" };
  const decoder = new TextDecoder();
  for await (const chunk of adminClient(places).stream(pods, place, query)) {
    io.stdout(decoder.decode(chunk, { stream: true }));
  }
  return 0;
}
