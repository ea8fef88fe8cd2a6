const LOOK_MS = 5;

/** Looks until it is so. For what is cheap to look at and has no event. */
export async function eventually(what: string, isSo: () => boolean | Promise<boolean>, timeoutMs = 5_000): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await pass(LOOK_MS);
  }
}

/** Lets time pass in which something is measured. */
export function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
