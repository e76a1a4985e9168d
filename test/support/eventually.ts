/** Tests wait for a condition, with a deadline, instead of a fixed time. */

/** Default deadline of a condition, in milliseconds. The control run uses a shorter one. */
export const PATIENCE_MS = Number(process.env.TEST_PATIENCE_MS ?? 30_000);

/** Resolves when `condition` is true; rejects with `what` at the deadline. */
export async function eventually(condition: () => boolean | Promise<boolean>, what: string, withinMs = PATIENCE_MS) {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not true within ${withinMs} ms: ${what}`);
    await pause(5);
  }
}

/** Resolves with `promise`; rejects with `what` at the deadline. */
export async function inTime<Value>(promise: Promise<Value>, what: string, withinMs = PATIENCE_MS): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not settled within ${withinMs} ms: ${what}`)), withinMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for a fixed time: for what must not happen, or for the pause of a peer. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
