/** The messages on the `fault` channel during a test. */
import type { TestContext } from "node:test";
import { type Published, subscribe } from "../../src/core/channels.js";

/** Collects the faults of one instance until the test ends. */
export function collectFaults(t: TestContext, instance: string): readonly Published<"fault">[] {
  const faults: Published<"fault">[] = [];
  t.after(
    subscribe("fault", (fault) => {
      if (fault.instance === instance) faults.push(fault);
    }),
  );
  return faults;
}
