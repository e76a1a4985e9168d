/** Calls of many clients while an application shuts down. */
import { pause } from "../../support/eventually.js";

/** Eight clients that ask again and again until `isOver`. Returns the answers that were not expected, and their number. */
export async function load(isOver: () => boolean, call: () => Promise<string>, expected: readonly string[]) {
  let count = 0;
  const failures: string[] = [];
  const client = async () => {
    while (!isOver()) {
      const answer = await call().catch((error: unknown) => String(error));
      count += 1;
      if (!expected.includes(answer)) failures.push(answer);
      await pause(2);
    }
  };
  await Promise.all(Array.from({ length: 8 }, client));
  return { count, failures };
}
