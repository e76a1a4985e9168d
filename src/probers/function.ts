/** A function of the application as a prober: it passes when it returns, and fails when it throws or rejects. */
import { messageOf } from "../core/health-error.js";
import { fail, PASS, type Prober } from "./prober.js";

/** A function that checks. `signal` is aborted at the deadline. */
export type CheckFunction = (context: { readonly signal: AbortSignal }) => unknown;

/** A prober that calls `check`. */
export function openFunction(check: CheckFunction): Prober {
  return {
    async probe({ signal }) {
      try {
        await check({ signal });
        return PASS;
      } catch (error) {
        return fail("error", messageOf(error));
      }
    },
    close() {},
  };
}
