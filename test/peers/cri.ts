// A client of the Container Runtime Interface: one method, typed by the name of the call.
import { Client, credentials } from "@grpc/grpc-js";
import { loadSync, type MethodDefinition, type ServiceDefinition } from "@grpc/proto-loader";

export type Dns = {
  readonly servers?: readonly string[];
  readonly searches?: readonly string[];
  readonly options?: readonly string[];
};

export type PortMapping = {
  readonly protocol?: "TCP" | "UDP" | "SCTP";
  readonly containerPort: number;
  readonly hostPort: number;
  readonly hostIp?: string;
};

type NamespaceOptions = { readonly network?: "POD" | "NODE"; readonly pid?: "POD" | "CONTAINER" };

export type PodConfig = {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly namespace: string;
    readonly attempt: number;
  };
  readonly hostname: string;
  readonly dnsConfig?: Dns;
  readonly portMappings: readonly PortMapping[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly linux: {
    readonly cgroupParent: string;
    readonly securityContext: { readonly namespaceOptions: NamespaceOptions };
  };
};

type ContainerConfig = {
  readonly metadata: { readonly name: string };
  readonly image: { readonly image: string };
  readonly command: readonly string[];
  readonly linux: { readonly securityContext: { readonly namespaceOptions: NamespaceOptions } };
};

type PodReference = { readonly podSandboxId: string };
type ContainerReference = { readonly containerId: string };
type Info = Readonly<Record<string, string>>;
type Empty = Record<never, never>;

/** Request and answer of each call, as cri.proto describes them; proto-loader spells the fields in camel case. */
type Calls = {
  readonly Status: [
    { readonly verbose: boolean },
    { readonly status: { readonly conditions: readonly Condition[] }; readonly info: Info },
  ];
  readonly RunPodSandbox: [{ readonly config: PodConfig }, PodReference];
  readonly StopPodSandbox: [PodReference, Empty];
  readonly RemovePodSandbox: [PodReference, Empty];
  readonly PodSandboxStatus: [
    PodReference & { readonly verbose: boolean },
    { readonly status: PodState; readonly info: Info },
  ];
  readonly CreateContainer: [
    PodReference & { readonly config: ContainerConfig; readonly sandboxConfig: PodConfig },
    ContainerReference,
  ];
  readonly StartContainer: [ContainerReference, Empty];
  readonly ExecSync: [
    ContainerReference & { readonly cmd: readonly string[]; readonly timeout: number },
    { readonly stdout: Uint8Array; readonly stderr: Uint8Array; readonly exitCode: number },
  ];
};

type Condition = {
  readonly type: string;
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
};

type PodState = {
  readonly state: "SANDBOX_READY" | "SANDBOX_NOTREADY";
  readonly network: { readonly ip: string; readonly additionalIps: readonly { readonly ip: string }[] } | null;
};

const schema = new URL("cri.proto", import.meta.url).pathname;

/** A connection to a runtime's socket. */
export class Cri {
  readonly #client: Client;
  readonly #methods: ServiceDefinition;

  constructor(socket: string) {
    const definition = loadSync(schema, { defaults: true, enums: String, longs: Number });
    this.#methods = definition["runtime.v1.RuntimeService"] as ServiceDefinition;
    // The authority of a unix socket's address is its path, which the runtime's HTTP/2 refuses.
    this.#client = new Client(`unix:${socket}`, credentials.createInsecure(), {
      "grpc.default_authority": "localhost",
      "grpc.initial_reconnect_backoff_ms": 20,
      "grpc.max_reconnect_backoff_ms": 100,
    });
  }

  /** Calls the runtime; rejects with gRPC's own error, or after `timeoutMs`. */
  call<Name extends keyof Calls>(name: Name, request: Calls[Name][0], timeoutMs: number): Promise<Calls[Name][1]> {
    // The schema that is loaded above decides the shapes; `Calls` repeats it for the compiler.
    const method = this.#methods[name] as MethodDefinition<Calls[Name][0], Calls[Name][1]>;
    const { promise, resolve, reject } = Promise.withResolvers<Calls[Name][1]>();
    const options = { deadline: Date.now() + timeoutMs };
    const { path, requestSerialize, responseDeserialize } = method;
    this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, options, (error, answer) => {
      if (answer === undefined) reject(new Error(`CRI ${name} failed: ${error?.message}`, { cause: error }));
      else resolve(answer);
    });
    return promise;
  }

  close(): void {
    this.#client.close();
  }
}
