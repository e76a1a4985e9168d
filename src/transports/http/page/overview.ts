/**
 * The overview: the filter, and the services in groups, failing first.
 *
 * For the script in the browser (src/page/), which updates it in place:
 *
 *     form#filter                q, failing, sort, range
 *     main#services
 *       section.group[data-group]     the rest, without a group, has data-group=""
 *         ul > li.service[data-name][data-status][data-since][data-latency]   data-degraded="" only if it is degraded
 *           .name a, .members, .state, time.since[datetime], .reason, .latency, svg.spark, svg.strip, .uptime
 *
 * A row of a check has `data-of`: the services that it counts for, in lines. `.members span` is in the rows of these services: how many
 * of their checks are healthy.
 * `.reason`, `.latency`, `svg.spark` and `.uptime` are there even if they are empty; `svg.strip` only with a history. The text
 * of `time.since` is `spanText` of the time since then. Links are relative.
 */
import { WORKER_PREFIX } from "../../../core/service-name.js";
import { latencyText, percentText, reasonText, spanText, statusWords } from "../../../core/status-words.js";
import { groupState, type Sort } from "../../../page/row-order.js";
import type { CheckReport } from "../../../registry/ports.js";
import type { ServiceHistory } from "../../../telemetry/history/service-history.js";
import type { Uptime } from "../history-range.js";
import { uptimeOf } from "../uptime.js";
import type { PageFleet } from "./fleet-view.js";
import { type Html, html } from "./html.js";
import { drawSpark } from "./latency-lines.js";
import { linkTo, OVERVIEW, type PageRoute, SORT_WORDS } from "./page-query.js";
import { groupRows, type OverviewGroup, type OverviewRow } from "./rows.js";
import { type CellRange, cellRange, cellsOf, drawStrip, RANGE_WORDS, stripLabel } from "./strip.js";

/** What rows show beside their status. */
export interface ViewContext {
  readonly route: PageRoute;
  readonly now: number;
  /** `undefined`: the past is not known in this thread. */
  readonly history: ServiceHistory | undefined;
  readonly drained: ReadonlySet<string>;
  /** `undefined` without a fleet, and in a listener thread. */
  readonly fleet: PageFleet | undefined;
}

/** The view in pieces: one for each service. */
export function* overviewPieces(rows: readonly OverviewRow[], context: ViewContext): IterableIterator<Html> {
  const { route } = context;
  const groups = groupRows(rows, route);
  yield html`${filterForm(route)}<main id="services" data-range="${route.range}" tabindex="-1">\n`;
  if (groups.every((group) => group.rows.length === 0)) yield emptyText(rows.length > 0);
  const range = cellRange(route.range, context.now);
  for (const group of groups) {
    yield groupStart(group);
    for (const row of group.rows) yield rowOf(row, context, range);
    yield html`</ul>${group.name === undefined ? undefined : html`</details>`}</section>\n`;
  }
  yield html`</main>\n`;
}

function emptyText(isFiltered: boolean): Html {
  return isFiltered
    ? html`<p class="empty">No service matches. <a href="${linkTo(OVERVIEW)}">Show all services</a></p>`
    : html`<p class="empty">There are no services. This page shows the server alone.</p>`;
}

function groupStart({ name, isOnly, rows }: OverviewGroup): Html {
  if (name === undefined)
    return html`<section class="group" data-group="">${isOnly ? html`<h2 class="unseen">Services</h2>` : html`<h2>Other services</h2>`}<ul>`;
  const isCluster = rows.some((row) => row.name.startsWith(WORKER_PREFIX) && row.group === name);
  const { isOpen, words } = groupState(rows);
  const open = isOpen ? html` open` : undefined;
  return html`<section class="group" data-group="${name}"><details${open}><summary><h2>${name}</h2> ${isCluster ? html`<span class="kind">Celery</span> ` : undefined}<span class="count">${words}</span></summary><ul>`;
}

function rowOf(row: OverviewRow, { route, now, history, drained }: ViewContext, range: CellRange): Html {
  const { name, status, check, latencyMs, members, services } = row;
  const past = history?.read(name, range.from, range.to);
  const degraded = status.degraded ? html` data-degraded=""` : undefined;
  const since = new Date(status.since).toISOString();
  const latency = latencyMs === undefined ? undefined : html` data-latency="${latencyMs}"`;
  const of =
    services.length === 0
      ? undefined
      : html` data-of="${services.map((each, at) => html`${at === 0 ? undefined : NEW_LINE}${each}`)}"`;
  const link = linkTo({ ...OVERVIEW, service: name, range: route.range });
  const uptime = past && uptimeOf(past);
  const strip =
    history && drawStrip(past === undefined ? [] : cellsOf(past, range), stripLabel(name, past, route.range));
  const marks = marksOf(name, { check, drained, history });
  return html`<li class="service" data-name="${name}" data-status="${status.status}"${degraded} data-since="${since}"${latency}${of}><span class="name"><a href="${link}">${name}</a>${members === undefined ? undefined : html` <small class="members"><span>${members.healthy}</span> of ${members.all} healthy</small>`}${marks}</span><span class="state">${statusWords(status.status, status.degraded)}</span><time class="since" datetime="${since}">${spanText(now - status.since)}</time><span class="reason">${reasonOf(status.reason)}</span><span class="latency">${latencyMs === undefined ? undefined : latencyText(latencyMs)}</span>${(past && !isReported(check) && drawSpark(past.buckets, range)) || EMPTY_SPARK}${strip}<span class="uptime">${uptime === undefined ? undefined : percentText(uptime)}</span></li>\n`;
}

/** Whether the last result of a check was a report, as of a heartbeat: it has no latency. */
export function isReported(check: CheckReport | undefined): boolean {
  return check?.lastResultAt !== undefined && check.latencyMs === undefined;
}

/** No name has it. */
const NEW_LINE = html`\n`;

const EMPTY_SPARK = html`<svg class="spark"></svg>`;

/** A reason in words, with its code. A code of the application stands alone. */
export function reasonOf(reason: string | undefined): Html | undefined {
  if (reason === undefined) return undefined;
  const words = reasonText(reason);
  return words === reason ? html`<code>${reason}</code>` : html`${words} <code>${reason}</code>`;
}

/** What an operator, or the isolation rule, has done to a service. */
export function marksOf(
  name: string,
  { check, drained, history }: Pick<ViewContext, "drained" | "history"> & Pick<OverviewRow, "check">,
): readonly Html[] {
  const marks = [
    drained.has(name) ? "drained" : "",
    history?.isInMaintenance(name) ? "maintenance" : "",
    check?.held ? "held" : "",
    check?.critical === false ? "not critical" : "",
  ];
  return marks.filter((mark) => mark !== "").map((mark) => html` <small>${mark}</small>`);
}

function filterForm({ search, failing, sort, range }: PageRoute): Html {
  const checked = failing ? html` checked` : undefined;
  return html`<form id="filter" method="get" role="search" aria-label="Services">
<label class="search"><span class="unseen">Name</span><input type="search" name="q" value="${search}" maxlength="200" placeholder="Find a service" autocomplete="off" spellcheck="false"></label>
<label class="box"><input type="checkbox" name="failing" value="1"${checked}> Problems only</label>
<label>Sort <select name="sort">${options(SORT_WORDS, sort)}</select></label>
<label>Range <select name="range">${options(RANGE_WORDS, range)}</select></label>
<button>Apply</button>
</form>
`;
}

function options(words: Readonly<Record<string, string>>, selected: Sort | Uptime): readonly Html[] {
  return Object.entries(words).map(
    ([value, text]) =>
      html`<option value="${value}"${value === selected ? html` selected` : undefined}>${text}</option>`,
  );
}
