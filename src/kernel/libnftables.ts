// The library libnftables (nft without its command): one context, and one run of a command text with what it printed.

import { CString, dlopen, type Pointer } from "bun:ffi";
import { Errno, isErrno, KernelError } from "./errno.ts";
import { cstring } from "./libc.ts";
import { NetlinkSocket } from "./netlink-socket.ts";
import { callIn, type Netns } from "./netns.ts";

const soname = "libnftables.so.1";
/** dlopen(3) */
const rtldNow = 2;
/** libnftables(3): input and output are JSON. */
const outputJson = 1 << 4;

const declarations = {
  nft_ctx_free: { args: ["ptr"], returns: "void" },
  nft_ctx_buffer_output: { args: ["ptr"], returns: "int" },
  nft_ctx_buffer_error: { args: ["ptr"], returns: "int" },
  nft_ctx_get_output_buffer: { args: ["ptr"], returns: "ptr" },
  nft_ctx_get_error_buffer: { args: ["ptr"], returns: "ptr" },
  nft_ctx_output_set_flags: { args: ["ptr", "u32"], returns: "void" },
  nft_run_cmd_from_buffer: { args: ["ptr", "ptr"], returns: "int" },
} as const;

type Library = ReturnType<typeof dlopen<typeof declarations>>["symbols"] & { readonly newContext: Pointer };

export type NftOutput = { readonly ok: boolean; readonly output: string; readonly error: string };

let loaded: Library | undefined;

/** One context of the library: its socket belongs to the namespace it was made in. */
export class NftContext implements Disposable {
  readonly #library: Library;
  #context: Pointer | null;

  /** @throws KernelError when the library is missing or the namespace has no nftables. */
  constructor(netns: Netns | undefined) {
    this.#library = library();
    // Without a socket the library ends the whole process: whether there would be one is asked first.
    new NetlinkSocket("netfilter", netns)[Symbol.dispose]();
    this.#context = callIn(netns, this.#library.newContext, 0);
    if (this.#context === null) throw new KernelError("Cannot open nftables", Errno.ENOMEM);
    if (
      this.#library.nft_ctx_buffer_output(this.#context) !== 0 ||
      this.#library.nft_ctx_buffer_error(this.#context) !== 0
    ) {
      this[Symbol.dispose]();
      throw new KernelError("Cannot open nftables", Errno.ENOMEM);
    }
  }

  /** Runs a text, nft's own language or JSON; one text is one transaction. */
  run(text: string, language: "native" | "json"): NftOutput {
    const context = this.#context;
    if (context === null) throw new RangeError("The nftables context is closed already");
    const { nft_ctx_output_set_flags, nft_run_cmd_from_buffer, nft_ctx_get_output_buffer, nft_ctx_get_error_buffer } =
      this.#library;
    nft_ctx_output_set_flags(context, language === "json" ? outputJson : 0);
    const ok = nft_run_cmd_from_buffer(context, cstring(text)) === 0;
    // Reading a buffer also empties it: both, always.
    return { ok, output: take(nft_ctx_get_output_buffer(context)), error: take(nft_ctx_get_error_buffer(context)) };
  }

  [Symbol.dispose](): void {
    if (this.#context !== null) this.#library.nft_ctx_free(this.#context);
    this.#context = null;
  }
}

function library(): Library {
  loaded ??= load();
  return loaded;
}

function load(): Library {
  try {
    const { symbols } = dlopen(soname, declarations);
    return { ...symbols, newContext: addressOf("nft_ctx_new") };
  } catch (cause) {
    if (isErrno(cause, "ENOMEM")) throw cause;
    throw new KernelError(
      "Cannot use nftables",
      Errno.ENOENT,
      `${soname} is missing: install the Debian package libnftables1`,
    );
  }
}

// The function itself is called by the native helper, inside the namespace.
function addressOf(name: string): Pointer {
  const { symbols } = dlopen("libc.so.6", {
    dlopen: { args: ["ptr", "int"], returns: "ptr" },
    dlsym: { args: ["ptr", "ptr"], returns: "ptr" },
  });
  const handle = symbols.dlopen(cstring(soname), rtldNow);
  const address = handle === null ? null : symbols.dlsym(handle, cstring(name));
  if (address === null) throw new Error(`${soname} has no ${name}`);
  return pointer(address);
}

function take(buffer: Pointer | bigint | null): string {
  return buffer === null ? "" : new CString(pointer(buffer)).toString();
}

// The type of Bun's calls allows for a bigint, which addresses of user space never need.
function pointer(address: Pointer | bigint): Pointer {
  return Number(address) as Pointer;
}

/** The errors that nf_tables answers with, most frequent first. */
const answers: readonly number[] = [
  ...[Errno.ENOENT, Errno.EEXIST, Errno.EBUSY, Errno.EPERM, Errno.EOPNOTSUPP, Errno.EINVAL, Errno.ENOMEM],
  ...[Errno.EMFILE, Errno.ENOSPC, Errno.ERANGE, Errno.EMSGSIZE, Errno.ENOBUFS, Errno.EPROTONOSUPPORT],
  ...[Errno.EAFNOSUPPORT, Errno.EINTR, Errno.EAGAIN, Errno.ELOOP, Errno.EMLINK, Errno.EPROTO],
];

/**
 * The error number in what the library printed; EINVAL where there is none. The library offers no other way to it than its text,
 * which it takes from strerror(3): the same function answers here, whatever the language of the machine.
 */
export function errnoInText(error: string): number {
  const { symbols } = dlopen("libc.so.6", { strerror: { args: ["int"], returns: "ptr" } });
  return answers.find((errno) => error.includes(take(symbols.strerror(errno)))) ?? Errno.EINVAL;
}
