// Policies that let connections of their pods go on which they forbid.

import type { Metadata } from "#kube/object.ts";

/** Of a policy, `"true"`: connections of its pods go on when it forbids them. */
export const keepAnnotation = "twill.dev/keep-established";

/** Whether a policy's own annotation says that connections of its pods go on when it forbids them. */
export function keepsEstablished({ annotations }: Metadata): boolean {
  return annotations?.[keepAnnotation] === "true";
}
