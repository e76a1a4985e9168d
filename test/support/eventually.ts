/** Waiting in tests, without sleeping: for a condition, with a deadline. */

/** How long a test waits for what must happen, in milliseconds. The control run has less patience. */
export const PATIENCE_MS = Number(process.env.TEST_PATIENCE_MS ?? 30_000);

/** Resolves when `condition` holds; rejects with `what` when it doesn't within the time. */
export async function eventually(condition: () => boolean | Promise<boolean>, what: string, withinMs = PATIENCE_MS) {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`within ${withinMs} ms it never held: ${what}`);
    await pause(5);
  }
}

/** Resolves with `promise`, or rejects with `what` when that takes too long. */
export async function inTime<Value>(promise: Promise<Value>, what: string, withinMs = PATIENCE_MS): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`within ${withinMs} ms it never came: ${what}`)), withinMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Time in which something must NOT happen, or that a peer lets pass. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
