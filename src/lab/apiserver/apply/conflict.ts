// Conflicts of an apply with other managers, told as Kubernetes tells them.

import type { Cause } from "#kube/kube-error.ts";
import { type KubeError, kubeError } from "#kube/kube-error.ts";
import { type FieldSet, formatPath, pathsOf } from "./field-set.ts";
import type { Manager } from "./managers.ts";

/** Fields that an apply would take from a manager. */
export type FieldConflict = { readonly with: Manager; readonly fields: FieldSet };

/** 409 Conflict with a cause for each field. */
export function applyConflict(conflicts: readonly FieldConflict[]): KubeError {
  const causes = conflicts.flatMap(({ with: manager, fields }) =>
    pathsOf(fields).map(
      (path): Cause => ({
        reason: "FieldManagerConflict",
        message: `conflict with ${describe(manager)}`,
        field: formatPath(path),
      }),
    ),
  );
  return kubeError("Conflict", messageOf(conflicts, causes), { causes });
}

function messageOf(conflicts: readonly FieldConflict[], causes: readonly Cause[]): string {
  const [only] = causes;
  if (causes.length === 1 && only !== undefined) return `Apply failed with 1 conflict: ${only.message}: ${only.field}`;
  const parts = conflicts
    .map(({ with: manager, fields }) => {
      const paths = pathsOf(fields).map((path) => `- ${formatPath(path)}`);
      return [`conflicts with ${describe(manager)}:`, ...paths].join("\n");
    })
    .sort();
  return `Apply failed with ${causes.length} conflicts: ${parts.join("\n")}`;
}

/** `"kubectl-edit" using apps/v1 at 2024-01-01T00:00:00Z`; for Apply the time says nothing. */
function describe({ manager, operation, apiVersion, subresource, time }: Manager): string {
  const name = JSON.stringify(manager) + (subresource === "" ? "" : ` with subresource ${JSON.stringify(subresource)}`);
  if (operation === "Apply") return name;
  return `${name} using ${apiVersion}${time === undefined ? "" : ` at ${time}`}`;
}
