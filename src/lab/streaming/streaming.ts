// What streams to and from a node's pods: a request that leaves HTTP becomes SPDY/3.1 or WebSocket, and is joined to a program or port.
//
//     client ── API server (tunnels) ──► kubelet ──► serveStream ─┬─ exec, attach ── remote/ ─┬─ spdy/
//                                                                 └─ port-forward ────────────┴─ websocket/

import { messageOf } from "#base/error-message.ts";
import { KubeError, kubeError } from "#kube/kube-error.ts";
import type { StreamRequest } from "#lab/kubelet/server/server.ts";
import { type Program, serveExec } from "./exec.ts";
import { type Agreed, negotiate } from "./negotiate.ts";
import { PortForward, portForwardProtocol } from "./port-forward.ts";
import { refuse } from "./refuse.ts";
import { type RemoteCommand, type WantedStreams, wantedStreams } from "./remote/remote-command.ts";
import { openSpdyCommand, spdyCommandProtocols } from "./remote/spdy-command.ts";
import { openWebSocketCommand, webSocketCommandProtocols } from "./remote/websocket-command.ts";
import { serveWebSocketPorts } from "./remote/websocket-ports.ts";
import { type SpdyLink, SpdySession } from "./spdy/session.ts";
import { channelProtocols } from "./websocket/channels.ts";
import { WebSocketConnection } from "./websocket/connection.ts";
import { Wire } from "./wire.ts";

type ProgramRequest = {
  readonly uid: string;
  readonly container: string;
  readonly argv: readonly string[];
  readonly tty: boolean;
};

/** The containers of a node. What cannot be done is thrown, with a sentence. */
export type StreamingHost = {
  readonly open: (request: ProgramRequest) => Program;
  /** The streams of the container itself, which goes on when they are left. */
  readonly attach: (uid: string, container: string, tty: boolean) => Program;
  readonly dial: (uid: string, port: number) => Program;
  readonly log: (line: string) => void;
};

const commandProtocols = { spdy: spdyCommandProtocols, webSocket: webSocketCommandProtocols };
/** SPDY inside of a WebSocket's messages, as kubectl does since 1.30. */
const tunnelProtocol = `SPDY/3.1+${portForwardProtocol}`;
const portProtocols = { spdy: [portForwardProtocol], webSocket: [tunnelProtocol, ...channelProtocols] };

/** Serves until the client is gone or all is done; what goes wrong is told to the client before it has left HTTP, later to the log. */
export async function serveStream(host: StreamingHost, request: StreamRequest): Promise<void> {
  try {
    if (request.action === "portForward") await servePorts(host, request);
    else await serveProgram(host, request);
  } catch (error) {
    if (error instanceof KubeError) refuse(request.socket, error);
    else {
      report(host, request, error);
      request.socket.destroy();
    }
  }
}

async function serveProgram(host: StreamingHost, request: StreamRequest): Promise<void> {
  const { uid, container } = request.found;
  const agreed = negotiate(request.request.headers, commandProtocols);
  const wanted = wantedStreams(request.query);
  const argv = request.query.getAll("command");
  const { tty } = wanted;
  const program = started(() =>
    request.action === "attach" ? host.attach(uid, container, tty) : host.open({ uid, container, argv, tty }),
  );
  try {
    await serveExec(await openCommand(host, request, agreed, wanted), program);
  } finally {
    program.kill();
  }
}

async function openCommand(
  host: StreamingHost,
  request: StreamRequest,
  agreed: Agreed,
  wanted: WantedStreams,
): Promise<RemoteCommand> {
  const wire = await upgrade(request, agreed);
  const failed = (error: unknown) => report(host, request, error);
  if (agreed.transport === "spdy") return await openSpdyCommand(wire, wanted, failed);
  return openWebSocketCommand(new WebSocketConnection(wire), agreed.protocol, wanted, wire.gone, failed);
}

async function servePorts(host: StreamingHost, request: StreamRequest): Promise<void> {
  const { uid } = request.found;
  const agreed = negotiate(request.request.headers, portProtocols);
  const dial = (port: number) => host.dial(uid, port);
  const wire = await upgrade(request, agreed);
  if (channelProtocols.includes(agreed.protocol)) {
    return await serveWebSocketPorts(
      new WebSocketConnection(wire),
      agreed.protocol,
      request.query.getAll("port"),
      dial,
    );
  }
  const forward = new PortForward(dial);
  const link = agreed.transport === "spdy" ? wire : tunnel(new WebSocketConnection(wire));
  await new SpdySession(link, (stream) => forward.take(stream)).run();
}

function tunnel(connection: WebSocketConnection): SpdyLink {
  return {
    source: async function* () {
      for await (const { payload } of connection.messages()) yield payload;
    },
    write: (bytes) => connection.send("binary", bytes),
    end: () => connection.close(),
  };
}

async function upgrade({ socket, head }: StreamRequest, { answer }: Agreed): Promise<Wire> {
  const wire = new Wire(socket, head);
  await wire.write(Buffer.from(answer));
  return wire;
}

/** @throws KubeError with the sentence of what kept it from starting */
function started(start: () => Program): Program {
  try {
    return start();
  } catch (cause) {
    throw kubeError("BadRequest", messageOf(cause));
  }
}

function report({ log }: StreamingHost, { action, found }: StreamRequest, error: unknown): void {
  log(`${action} in pod ${found.pod.metadata.name}: ${messageOf(error)}`);
}
