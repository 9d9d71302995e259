// The number that the kernel knows a network namespace by, which no other ever has while the machine runs.

import { errnoName, KernelError } from "./errno.ts";
import { errno, libc } from "./libc.ts";
import { type Netns, socketIn } from "./netns.ts";

// asm-generic/socket.h, linux/socket.h
const solSocket = 1;
const soNetnsCookie = 71;
const afUnix = 1;
const sockStreamCloexec = 0o2000001;

/** Of `netns`, or of the process's own namespace; undefined before Linux 5.14, which does not tell. @throws KernelError */
export function netnsCookie(netns?: Netns): bigint | undefined {
  using socket = socketIn(netns, afUnix, sockStreamCloexec, 0);
  const cookie = new BigUint64Array(new ArrayBuffer(8));
  if (libc.getsockopt(socket.number, solSocket, soNetnsCookie, cookie, new Uint32Array([8])) === 0) return cookie[0];
  const number = errno();
  if (errnoName(number) === "ENOPROTOOPT") return undefined;
  throw new KernelError("Cannot read the cookie of a network namespace", number);
}
