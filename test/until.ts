// Waiting in tests: for the thing itself, never for a time.

/** Longer than any machine takes, however busy it is. */
const patienceMs = 60_000;
const lookMs = 10;

/** Resolves as soon as it holds. @throws Error naming `what`, the condition itself unless given, when it does not come to that */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string | (() => string) = () => String(holds),
): Promise<void> {
  for (const end = performance.now() + patienceMs; !(await holds()); await Bun.sleep(lookMs)) {
    if (performance.now() < end) continue;
    throw new Error(
      `It does not come to this within ${patienceMs / 1000} s: ${typeof what === "string" ? what : what()}`,
    );
  }
}
