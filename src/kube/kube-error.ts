// An error of the Kubernetes API: a `Status` object with a reason and a code, as every client expects it.

/** One thing wrong with an object, at a field path such as `spec.ports[0].port`. */
export type Cause = { readonly reason: string; readonly message: string; readonly field: string };

/** The answer to a request that failed (Kubernetes API conventions, "Response Status Kind"). */
export type Status = {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly status: "Failure" | "Success";
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code?: number;
};

export type StatusDetails = {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly Cause[];
  readonly retryAfterSeconds?: number;
};

/** The reasons of API conventions that Twill gives or tells apart, with their HTTP codes. */
export const statusCodes = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Expired: 410,
  Gone: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
} as const;

export type StatusReason = keyof typeof statusCodes;

/** What a request to the API failed with. `code` is the reason: match on it, never on the message. */
export class KubeError extends Error {
  override readonly name = "KubeError";
  readonly status: Status;

  constructor(status: Status, options?: { readonly cause?: unknown }) {
    super(status.message ?? status.reason ?? "Unknown error of the API server", options);
    this.status = status;
  }

  /** The reason, as in `statusCodes`; "" when the server gave none. */
  get code(): string {
    return this.status.reason ?? "";
  }

  get httpCode(): number {
    return this.status.code ?? 500;
  }
}

/** Whether a request failed for one of these reasons. */
export function hasReason(error: unknown, ...reasons: readonly StatusReason[]): error is KubeError {
  return error instanceof KubeError && reasons.some((reason) => reason === error.code);
}

/** An error of a reason; its HTTP code follows from it. */
export function kubeError(reason: StatusReason, message: string, details?: StatusDetails): KubeError {
  return new KubeError({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason,
    ...(details === undefined ? {} : { details }),
    code: statusCodes[reason],
  });
}

/** The resource that an error speaks of: `deployments.apps`, as the API server's own messages name it. */
type Subject = { readonly group: string; readonly plural: string };

function qualified({ group, plural }: Subject): string {
  return group === "" ? plural : `${plural}.${group}`;
}

/** No object has this name. */
export function notFound(subject: Subject, name: string): KubeError {
  return kubeError("NotFound", `${qualified(subject)} "${name}" not found`, detailsOf(subject, name));
}

/** Another object has this name. */
export function alreadyExists(subject: Subject, name: string): KubeError {
  return kubeError("AlreadyExists", `${qualified(subject)} "${name}" already exists`, detailsOf(subject, name));
}

/** The object changed meanwhile, or a precondition does not hold: `why` says which. */
export function conflict(subject: Subject, name: string, why: string): KubeError {
  const message = `Operation cannot be fulfilled on ${qualified(subject)} "${name}": ${why}`;
  return kubeError("Conflict", message, detailsOf(subject, name));
}

/** The object breaks rules of its kind; `kind` is the word that messages begin with, as in `Service "web" is invalid`. */
export function invalid(kind: string, group: string, name: string, causes: readonly Cause[]): KubeError {
  const texts = causes.map(({ field, message }) => (field === "" ? message : `${field}: ${message}`));
  const what = texts.length === 1 ? texts.join() : `[${texts.join(", ")}]`;
  const qualifiedKind = group === "" ? kind : `${kind}.${group}`;
  return kubeError("Invalid", `${qualifiedKind} "${name}" is invalid: ${what}`, { name, group, kind, causes });
}

/** The caller may not, or the server's own rules refuse it: `why` says which. */
export function forbidden(subject: Subject, name: string, why: string): KubeError {
  const object = name === "" ? qualified(subject) : `${qualified(subject)} "${name}"`;
  return kubeError("Forbidden", `${object} is forbidden: ${why}`, detailsOf(subject, name));
}

/** The request itself cannot be understood. */
export function badRequest(message: string): KubeError {
  return kubeError("BadRequest", message);
}

/** A watch or a list at a revision that the server no longer has: list again. */
export function expired(message: string): KubeError {
  return kubeError("Expired", message);
}

function detailsOf({ group, plural }: Subject, name: string): StatusDetails {
  return { ...(name === "" ? {} : { name }), ...(group === "" ? {} : { group }), kind: plural };
}
