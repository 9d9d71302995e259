// The seven published versions of the CNI specification and their order.

/** Oldest first. */
export const specVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

export type SpecVersion = (typeof specVersions)[number];

export const newestVersion: SpecVersion = "1.1.0";

/** What a configuration without `cniVersion` means. */
export const impliedVersion: SpecVersion = "0.1.0";

/** The version named exactly so; the empty string is 0.1.0; undefined for any other text. */
export function parseVersion(text: string): SpecVersion | undefined {
  if (text === "") return impliedVersion;
  return specVersions.find((version) => version === text);
}

/** Negative, zero or positive, as `sort` wants it. */
export function compareVersions(a: SpecVersion, b: SpecVersion): number {
  return specVersions.indexOf(a) - specVersions.indexOf(b);
}

/** Whether `version` is `floor` or newer. */
export function atLeast(version: SpecVersion, floor: SpecVersion): boolean {
  return compareVersions(version, floor) >= 0;
}

/** All versions from `floor` on, oldest first: what a plugin lists in `versions`. */
export function versionsFrom(floor: SpecVersion): readonly SpecVersion[] {
  return specVersions.filter((version) => atLeast(version, floor));
}
