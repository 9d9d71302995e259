// Error numbers of the kernel by name (asm-generic/errno.h), and the error that carries one.

const errnoNames: ReadonlyMap<number, string> = new Map([
  [1, "EPERM"],
  [2, "ENOENT"],
  [3, "ESRCH"],
  [4, "EINTR"],
  [5, "EIO"],
  [6, "ENXIO"],
  [7, "E2BIG"],
  [9, "EBADF"],
  [11, "EAGAIN"],
  [12, "ENOMEM"],
  [13, "EACCES"],
  [14, "EFAULT"],
  [16, "EBUSY"],
  [17, "EEXIST"],
  [19, "ENODEV"],
  [20, "ENOTDIR"],
  [21, "EISDIR"],
  [22, "EINVAL"],
  [23, "ENFILE"],
  [24, "EMFILE"],
  [25, "ENOTTY"],
  [26, "ETXTBSY"],
  [27, "EFBIG"],
  [28, "ENOSPC"],
  [30, "EROFS"],
  [32, "EPIPE"],
  [33, "EDOM"],
  [34, "ERANGE"],
  [38, "ENOSYS"],
  [40, "ELOOP"],
  [61, "ENODATA"],
  [67, "ENOLINK"],
  [71, "EPROTO"],
  [75, "EOVERFLOW"],
  [84, "EILSEQ"],
  [88, "ENOTSOCK"],
  [90, "EMSGSIZE"],
  [92, "ENOPROTOOPT"],
  [93, "EPROTONOSUPPORT"],
  [95, "EOPNOTSUPP"],
  [97, "EAFNOSUPPORT"],
  [98, "EADDRINUSE"],
  [99, "EADDRNOTAVAIL"],
  [100, "ENETDOWN"],
  [101, "ENETUNREACH"],
  [103, "ECONNABORTED"],
  [104, "ECONNRESET"],
  [105, "ENOBUFS"],
  [107, "ENOTCONN"],
  [110, "ETIMEDOUT"],
  [111, "ECONNREFUSED"],
  [113, "EHOSTUNREACH"],
  [114, "EALREADY"],
  [115, "EINPROGRESS"],
  [116, "ESTALE"],
]);

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
  return 5;
}
