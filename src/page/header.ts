/** The header of the page and its tab: the state of the whole, how many services have which status, and the connection. */
import { SEVERITIES, type StatusSeverity, severityOf } from "../core/status-words.js";
import type { ConnectionWords } from "./connection-words.js";
import { overallWords, titleText } from "./overall-words.js";
import { setText } from "./service-elements.js";
import { statusIcon } from "./status-icon.js";
import type { Statuses } from "./statuses.js";

/** Shows the state of all services. Returns the words for it. */
export function showOverall(statuses: Statuses, subject: string): string {
  const overall = statuses.services.get("") ?? { status: "UNKNOWN", degraded: false, reason: "", since: "" };
  const { isDraining, isStalled } = statuses;
  const words = overallWords({ ...overall, isDraining, isStalled });
  const heading = document.getElementById("overall");
  if (heading !== null) {
    heading.dataset.status = overall.status;
    heading.toggleAttribute("data-degraded", overall.degraded);
    setText(heading, words);
  }
  const counts = countsOf(statuses);
  showCounts(counts);
  const title = titleText(words, { failing: counts.NOT_SERVING, subject });
  if (document.title !== title) document.title = title;
  const icon = statusIcon(severityOf(overall.status, overall.degraded));
  const link = document.getElementById("favicon");
  if (link !== null && link.getAttribute("href") !== icon) link.setAttribute("href", icon);
  return words;
}

/** Says how current the statuses are. Only the first part is in the live region that is read out. */
export function showConnection({ text, countdown, isStale }: ConnectionWords): void {
  document.body.toggleAttribute("data-stale", isStale);
  document.body.toggleAttribute("data-live", !isStale);
  const [words, rest] = document.querySelectorAll("#connection span");
  if (words !== undefined) setText(words, text);
  if (rest !== undefined) setText(rest, countdown);
}

function countsOf({ services }: Statuses): Readonly<Record<StatusSeverity, number>> {
  const counts = { NOT_SERVING: 0, UNKNOWN: 0, degraded: 0, SERVING: 0 };
  for (const [name, { status, degraded }] of services) if (name !== "") counts[severityOf(status, degraded)] += 1;
  return counts;
}

function showCounts(counts: Readonly<Record<StatusSeverity, number>>): void {
  for (const severity of SEVERITIES) {
    const item = document.querySelector<HTMLElement>(`[data-count="${severity}"]`);
    const number = item?.querySelector("strong");
    if (!item || !number) continue;
    setText(number, String(counts[severity]));
    item.hidden = counts[severity] === 0;
  }
}

/** Has a screen reader read a text out. */
export function announce(text: string): void {
  const region = document.getElementById("news");
  if (region !== null) region.textContent = text;
}
