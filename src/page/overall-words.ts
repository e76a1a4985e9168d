/** The state of the server as a whole, in words: for the heading and for the title of the tab. */
import { statusWords } from "../core/status-words.js";

/** What decides about the words. */
export interface OverallState {
  readonly status: string;
  readonly degraded: boolean;
  /** The reason code of the status. */
  readonly reason: string | undefined;
  readonly isDraining: boolean;
  readonly isStalled: boolean;
}

/** While this server drains, starts or does not respond, that is what matters. */
export function overallWords({ status, degraded, reason, isDraining, isStalled }: OverallState): string {
  if (isStalled) return "Stalled: not serving";
  if (isDraining) return "Draining: not serving";
  if (reason === "starting") return "Starting: not serving";
  if (reason === "start-failed") return "Start failed: not serving";
  if (degraded) return "Serving, degraded";
  const words = statusWords(status, false);
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

/** The title of the tab: how many services fail is more than that one of them does. */
export function titleText(words: string, { failing, subject }: { failing: number; subject: string }): string {
  return [failing === 0 ? words : `${failing} failing`, subject, "healthbridge"]
    .filter((part) => part !== "")
    .join(" · ");
}
