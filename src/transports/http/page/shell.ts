/**
 * The document around a view: its head, the state of the whole, what holds for all statuses, and the footer.
 *
 *     header   overall state, counts, notices
 *     main     the view
 *     footer   when it was rendered, links
 */
import { SEVERITIES, severityOf, statusWords } from "../../../core/status-words.js";
import { type OverallState, overallWords, titleText } from "../../../page/overall-words.js";
import { statusIcon } from "../../../page/status-icon.js";
import type { Snapshot } from "../snapshot.js";
import { type Html, html } from "./html.js";
import { SCRIPT_LINK, STYLE_LINK } from "./page-files.js";
import type { OverviewRow } from "./rows.js";
import { type CellKind, drawCells } from "./strip.js";
import { clockTime } from "./times.js";

/** What the shell says beside the view. */
export interface Shell {
  readonly view: "overview" | "service";
  /** What the title says after the overall state. */
  readonly title: string;
  readonly snapshot: Snapshot;
  readonly rows: readonly OverviewRow[];
  readonly notices: readonly string[];
  /** Wall time, in milliseconds since 1970. */
  readonly now: number;
}

/** The text before the view. */
export function shellStart({ view, title, snapshot, rows, notices, now }: Shell): Html {
  const overall = overallState(snapshot);
  const words = overallWords(overall);
  const failing = rows.filter((row) => row.severity === "NOT_SERVING").length;
  const degraded = overall.degraded ? html` data-degraded=""` : undefined;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${titleText(words, { failing, subject: title })}</title>
<link rel="icon" id="favicon" href="${statusIcon(severityOf(overall.status, overall.degraded))}">
<link rel="stylesheet" href="${STYLE_LINK}">
<script type="module" src="${SCRIPT_LINK}"></script>
</head>
<body data-view="${view}">
<a class="skip" href="#services">Skip to the services</a>
${PATTERNS}
<p id="news" class="unseen" role="status"></p>
<header>
<div class="whole">
<h1 id="overall" data-status="${overall.status}"${degraded}>${words}</h1>
${countsOf(rows)}
</div>
<div class="asof"><p id="connection" role="status" aria-live="polite"><span></span> <span aria-hidden="true"></span></p>
<p id="rendered">As of <time datetime="${new Date(now).toISOString()}">${clockTime(now)}</time></p></div>
${notices.length === 0 ? undefined : html`<ul id="notices">${notices.map((notice) => html`<li>${notice}</li>`)}</ul>`}
</header>
`;
}

const KINDS: readonly (readonly [kind: CellKind, words: string])[] = [
  ["serving", "serving"],
  ["down", "not serving"],
  ["mixed", "partly not serving"],
  ["unknown", "unknown"],
  ["maintenance", "maintenance"],
  ["none", "no data"],
];

const LEGEND: readonly Html[] = KINDS.map(
  ([kind, words]) =>
    html`<li><svg class="strip" aria-hidden="true" viewBox="0 0 10 20">${drawCells(kind, "M0 10h10")}</svg>${words}</li>`,
);

/** The text after it. */
export const SHELL_END = html`<footer>
<ul class="legend" aria-label="Legend of the strips">${LEGEND}</ul>
<p><a href="?service=">this server</a> <a href="events">events</a> <a href="history">history</a> <a href="badge.svg">badge</a></p>
</footer>
</body>
</html>
`;

function overallState({ status: overall, draining: isDraining, stalledMs }: Snapshot): OverallState {
  const { status = "UNKNOWN", degraded = false, reason } = overall ?? {};
  return { status, degraded, reason, isDraining, isStalled: stalledMs !== undefined };
}

/** How many services there are of each kind. Kinds without a service are hidden. */
function countsOf(rows: readonly OverviewRow[]): Html {
  const items = SEVERITIES.map((severity) => {
    const count = rows.filter((row) => row.severity === severity).length;
    const hidden = count === 0 ? html` hidden` : undefined;
    return html`<li data-count="${severity}"${hidden}><strong>${count}</strong> ${statusWords(severity, false)}</li>`;
  });
  return html`<ul id="counts" aria-label="Services">${items}</ul>`;
}

/** The patterns of strips: defined once, used by all. */
const PATTERNS = html`<svg class="patterns" aria-hidden="true" width="0" height="0"><defs>
<pattern id="mixed" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="back" width="5" height="5"/><rect class="front" width="2.5" height="5"/></pattern>
<pattern id="unknown" width="5" height="4" patternUnits="userSpaceOnUse"><circle class="front" cx="2" cy="2" r="1.2"/></pattern>
<pattern id="maintenance" width="5" height="4" patternUnits="userSpaceOnUse"><rect class="back" width="5" height="4"/><rect class="front" width="5" height="1.5"/></pattern>
</defs></svg>`;
