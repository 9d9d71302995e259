// Error numbers of the kernel by name (asm-generic/errno.h), and the error that carries one.

/** Error numbers by their names, as far as something here answers with them or looks for them. */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  EROFS: 30,
  EMLINK: 31,
  EPIPE: 32,
  EDOM: 33,
  ERANGE: 34,
  ENOSYS: 38,
  ELOOP: 40,
  ENODATA: 61,
  ENOLINK: 67,
  EPROTO: 71,
  EOVERFLOW: 75,
  EILSEQ: 84,
  ERESTART: 85,
  ENOTSOCK: 88,
  EMSGSIZE: 90,
  ENOPROTOOPT: 92,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ENOBUFS: 105,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
  EALREADY: 114,
  EINPROGRESS: 115,
  ESTALE: 116,
} as const;

const errnoNames: ReadonlyMap<number, string> = new Map(Object.entries(Errno).map(([name, number]) => [number, name]));

/** `ENOENT` for 2; `errno 999` for what has no name here. */
export function errnoName(errno: number): string {
  return errnoNames.get(errno) ?? `errno ${errno}`;
}

/**
 * The kernel refused: what was tried, the error's name, and the kernel's own words where it gave some (extended ack).
 * `Cannot add route 10.0.1.0/24 via 192.168.0.2: ENETUNREACH (Nexthop has invalid gateway)`
 */
export class KernelError extends Error {
  readonly code = "KERNEL";
  /** Positive. */
  readonly errno: number;
  /** `ENETUNREACH` */
  readonly errnoName: string;

  constructor(action: string, errno: number, explanation = "") {
    super(`${action}: ${errnoName(errno)}${explanation === "" ? "" : ` (${explanation})`}`);
    this.errno = errno;
    this.errnoName = errnoName(errno);
  }
}

/** True when `error` is the kernel's answer with one of these names: `isErrno(error, "ENOENT", "ENODEV")`. */
export function isErrno(error: unknown, ...names: readonly string[]): boolean {
  if (error instanceof KernelError) return names.includes(error.errnoName);
  // What node:fs throws.
  return error instanceof Error && "code" in error && typeof error.code === "string" && names.includes(error.code);
}

/** The number behind an error of this module or of node:fs; EIO where there is none. */
export function errnoOf(error: unknown): number {
  if (error instanceof KernelError) return error.errno;
  if (error instanceof Error && "errno" in error && typeof error.errno === "number") return Math.abs(error.errno);
  return Errno.EIO;
}
