// Label selectors inside of objects: what is wrong with one.

import type { LabelSelector } from "kubernetes-types/meta/v1";
import type { Cause } from "#kube/kube-error.ts";
import { forbiddenField, invalidValue, requiredValue } from "#lab/apiserver/schema/cause.ts";

/** What is wrong with a selector's expressions (meta/v1 LabelSelectorRequirement). */
export function selectorFaults(field: string, { matchExpressions = [] }: LabelSelector): readonly Cause[] {
  return matchExpressions.flatMap(({ operator, values = [] }, index) => {
    const at = `${field}.matchExpressions[${index}]`;
    switch (operator) {
      case "In":
      case "NotIn":
        return values.length > 0
          ? []
          : [requiredValue(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'")];
      case "Exists":
      case "DoesNotExist":
        return values.length === 0
          ? []
          : [forbiddenField(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
      default:
        return [invalidValue(`${at}.operator`, operator, "not a valid selector operator")];
    }
  });
}

export function isEmptySelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean {
  return Object.keys(matchLabels).length + matchExpressions.length === 0;
}
