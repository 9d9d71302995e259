// DNS settings out of a file in the format of resolv.conf(5).

import { readFileSync } from "node:fs";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Dns } from "#cni/result.ts";
import { errnoName, errnoOf } from "#kernel/errno.ts";

/** @throws CniError 5 when the file cannot be read. */
export function readResolvConf(path: string): Dns {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const reason = errnoName(errnoOf(cause));
    throw new CniError(ErrorCode.ioFailure, `host-local: Cannot read ipam.resolvConf ${path}: ${reason}`, { cause });
  }
  return parseResolvConf(text);
}

/** Repeated keywords add up, except `domain`, whose last one counts. Unknown ones are passed over. */
export function parseResolvConf(text: string): Dns {
  const nameservers: string[] = [];
  const search: string[] = [];
  const options: string[] = [];
  let domain: string | undefined;
  for (const line of text.split("\n")) {
    const [keyword, ...words] = line.trim().split(/\s+/);
    if (keyword === "nameserver") nameservers.push(...words.slice(0, 1));
    else if (keyword === "search") search.push(...words);
    else if (keyword === "options") options.push(...words);
    else if (keyword === "domain") domain = words[0] ?? domain;
  }
  return { nameservers, search, options, ...(domain === undefined ? {} : { domain }) };
}
