/**
 * The page of one service: its state, its past, its checks and its transitions.
 *
 * For the script in the browser (src/page/): `main#services` has one `article.service.detail` with the attributes and
 * children of a row of the overview, and `tr.check[data-name][data-state]` for each check. A table that has not every check
 * has `data-cut`.
 */
import { latencyText, percentText, spanText, statusWords } from "../../../core/status-words.js";
import type { CheckReport, CheckState, ServiceStatus } from "../../../registry/ports.js";
import type { PastOfService } from "../../../telemetry/history/service-history.js";
import type { KeptTransition, TransitionHistory } from "../../../telemetry/history/transition-history.js";
import { UPTIMES, type Uptime } from "../history-range.js";
import { uptimeOf } from "../uptime.js";
import { votersText } from "./fleet-view.js";
import { type Html, html } from "./html.js";
import { drawChart } from "./latency-lines.js";
import { isReported, marksOf, reasonOf, type ViewContext } from "./overview.js";
import { linkTo, OVERVIEW, type PageRoute } from "./page-query.js";
import { type CellRange, cellRange, cellsOf, drawStrip, RANGE_WORDS, stripLabel, summaryOf } from "./strip.js";
import { dateTime } from "./times.js";

/** A service with the checks that count for it. */
export interface ServiceSubject {
  readonly name: string;
  readonly status: ServiceStatus;
  readonly checks: readonly CheckReport[];
  readonly transitions: TransitionHistory;
}

/** The newest transitions that are shown. */
const MAX_TRANSITIONS = 50;

/** The checks that are listed, the worst first. */
const MAX_CHECKS = 200;

/** What the server as a whole is called. */
const WHOLE = "All services together";

/** How a service is called on its page. */
export function titleOf(name: string): string {
  return name === "" ? WHOLE : name;
}

export function* servicePieces(subject: ServiceSubject, context: ViewContext): IterableIterator<Html> {
  const { route, now, history } = context;
  const range = cellRange(route.range, now);
  yield html`<main id="services" data-range="${route.range}" tabindex="-1">
<nav aria-label="Back"><a href="${linkTo({ ...OVERVIEW, range: route.range })}">All services</a></nav>
${headOf(subject, context)}
`;
  if (history !== undefined) yield pastOf(subject, history.read(subject.name, range.from, range.to), { route, range });
  yield checksOf(subject.checks, context);
  yield transitionsOf(subject);
  yield html`${linksOf(subject.name, route.range)}</article></main>\n`;
}

/** The view of a service that does not exist. It does not say which. */
export const UNKNOWN_SERVICE = html`<main id="services" tabindex="-1">
<nav aria-label="Back"><a href="?">All services</a></nav>
<h2>There is no such service</h2>
<p class="empty">It may have been removed, or its name is written in another way.</p>
</main>
`;

function headOf({ name, status, checks }: ServiceSubject, { now, drained, history }: ViewContext): Html {
  const degraded = status.degraded ? html` data-degraded=""` : undefined;
  const since = new Date(status.since).toISOString();
  const check = checks.find((each) => each.name === name);
  return html`<article class="service detail" data-name="${name}" data-status="${status.status}"${degraded} data-since="${since}">
<h2 class="name">${titleOf(name)}${marksOf(name, { check, drained, history })}</h2>
<p class="now"><span class="state">${statusWords(status.status, status.degraded)}</span> for <time class="since" datetime="${since}">${spanText(now - status.since)}</time>, since ${dateTime(status.since)}</p>
<p class="reason">${reasonOf(status.reason)}</p>`;
}

interface PastView {
  readonly route: PageRoute;
  readonly range: CellRange;
}

function pastOf({ name, checks }: ServiceSubject, past: PastOfService | undefined, { route, range }: PastView): Html {
  const links = Object.keys(UPTIMES)
    .filter(isRange)
    .map((each) => {
      const current = each === route.range ? html` aria-current="page"` : undefined;
      return html` <a href="${linkTo({ ...route, range: each })}"${current}>${RANGE_WORDS[each]}</a>`;
    });
  const cells = past === undefined ? [] : cellsOf(past, range);
  const uptime = past && uptimeOf(past);
  const isMeasured = !isReported(checks.find((check) => check.name === name));
  const chart = past && isMeasured && drawChart(past.buckets, range);
  return html`<section><h3>History</h3><nav class="ranges" aria-label="Range">${links}</nav>
<div class="past">${drawStrip(cells, stripLabel(titleOf(name), past, route.range))}<span class="uptime">${uptime === undefined ? undefined : percentText(uptime)}</span></div>
<p class="axis"><span>${dateTime(range.from)}</span><span>now</span></p>
<p class="summary">${past === undefined ? "no data" : summaryOf(past)}</p>
${chart ? html`<h3>Latency</h3><div class="past">${chart.drawing}</div>\n<p class="summary">${chart.label}</p>` : undefined}</section>
`;
}

function isRange(text: string): text is Uptime {
  return Object.hasOwn(UPTIMES, text);
}

function checksOf(checks: readonly CheckReport[], { route, now, fleet }: ViewContext): Html {
  if (checks.length === 0)
    return html`<section><h3>Checks</h3><p class="empty">No check: the application sets this status itself.</p></section>\n`;
  const worst = [...checks].sort((one, other) => rankOf(one) - rankOf(other) || (one.name < other.name ? -1 : 1));
  const listed = worst.slice(0, MAX_CHECKS);
  const cut = listed.length < checks.length ? html` data-cut=""` : undefined;
  const healthy = checks.filter((check) => stateOf(check) === "passing").length;
  const rows = listed.map(
    (check) =>
      html`<tr class="check" data-name="${check.name}" data-state="${stateOf(check)}"><th scope="row"><a href="${linkTo({ ...OVERVIEW, service: check.name, range: route.range })}">${check.name}</a>${check.critical ? undefined : html` <small>not critical</small>`}</th><td class="state">${check.drained ? "drained" : check.state}</td><td class="reason">${reasonOf(check.reason)}</td><td class="since"><time datetime="${new Date(check.since).toISOString()}">${spanText(now - check.since)}</time></td><td class="latency">${check.latencyMs === undefined ? undefined : latencyText(check.latencyMs)}</td><td>${check.lastResultAt === undefined ? "no result yet" : `${spanText(now - check.lastResultAt)} ago`}</td>${fleet && html`<td class="voters">${votersText(fleet.voters(check.name))}</td>`}</tr>\n`,
  );
  return html`<section><h3>Checks</h3>${checks.length > 1 ? html`<p class="summary">${healthy} of ${checks.length} healthy${cut && `; the first ${MAX_CHECKS} are listed, the worst ones first`}</p>` : undefined}<div class="wide"><table${cut}><thead><tr><th scope="col">Check</th><th scope="col">State</th><th scope="col">Reason</th><th scope="col">For</th><th scope="col">Latency</th><th scope="col">Last result</th>${fleet && html`<th scope="col">Probed by</th>`}</tr></thead><tbody>
${rows}</tbody></table></div></section>
`;
}

/** A drained check counts as failing. */
function stateOf({ drained, state }: CheckReport): CheckState {
  return drained ? "failing" : state;
}

const WORST_FIRST: readonly CheckState[] = ["failing", "pending", "warning", "passing"];

function rankOf(check: CheckReport): number {
  return WORST_FIRST.indexOf(stateOf(check));
}

function transitionsOf({ name, transitions }: ServiceSubject): Html {
  const rows = newestOf(transitions, name).map(
    ({ at, from, to, degraded, reason }) =>
      html`<tr data-status="${to}"${degraded ? html` data-degraded=""` : undefined}><td><time datetime="${new Date(at).toISOString()}">${dateTime(at)}</time></td><td>${from === "SERVICE_UNKNOWN" ? "new" : statusWords(from, false)}</td><td class="state">${statusWords(to, degraded)}</td><td class="reason">${reasonOf(reason)}</td></tr>\n`,
  );
  if (rows.length === 0)
    return html`<section><h3>Changes</h3><p class="empty">No change since this server has started.</p></section>\n`;
  return html`<section><h3>Changes</h3><div class="wide"><table id="transitions"><thead><tr><th scope="col">Time</th><th scope="col">From</th><th scope="col">To</th><th scope="col">Reason</th></tr></thead><tbody>
${rows}</tbody></table></div></section>
`;
}

function newestOf(transitions: TransitionHistory, name: string): readonly KeptTransition[] {
  const found: KeptTransition[] = [];
  for (const { transition } of transitions.newestFirst()) {
    if (transition.subject === "service" && transition.name === name) found.push(transition);
    if (found.length === MAX_TRANSITIONS) break;
  }
  return found;
}

function linksOf(name: string, range: Uptime): Html {
  const service = new URLSearchParams({ service: name });
  const uptime = new URLSearchParams({ service: name, uptime: range });
  return html`<section><h3>Links</h3><p class="links"><a href="history?${`${service}&hours=${UPTIMES[range]}`}">history as JSON</a> <a href="badge.svg?${String(service)}">badge</a> <a href="badge.svg?${String(uptime)}">badge of the uptime</a> <a href="events?${String(service)}">events</a></p></section>\n`;
}
