/**
 * Statuses and states in words, as people read them: on badges and on the status page, by the server and by the browser.
 */
import { reasonWords } from "./reasons.js";

const WORDS: Readonly<Record<string, string>> = {
  SERVING: "serving",
  NOT_SERVING: "not serving",
  UNKNOWN: "unknown",
  SERVICE_UNKNOWN: "removed",
};

/** The words for the status of a service. */
export function statusWords(status: string, isDegraded: boolean): string {
  return status === "SERVING" && isDegraded ? "degraded" : (WORDS[status] ?? status);
}

/** The words for a reason with its code, as in `no answer within the timeout (timeout)`; the code of an application alone. */
export function reasonText(code: string | undefined): string {
  if (code === undefined) return "";
  const words = reasonWords(code);
  return words === undefined ? code : `${words} (${code})`;
}
