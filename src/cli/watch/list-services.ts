/** The services that a server lists, once: one session with one poll, as rows, and the rows as text or JSON. */
import { printable } from "../../core/printable.js";
import type { Cancellation } from "../probe/cancellation.js";
import { probeClock } from "../probe/probe-clock.js";
import type { ProbeSettings } from "../probe/probe-settings.js";
import { detailFields, timeText } from "./change-lines.js";
import { type HealthListener, HealthSession, openSession } from "./health-session.js";
import { type ServiceRow, ServiceRows } from "./service-rows.js";
import { reasonText, statusText } from "./table-layout.js";
import { BOLD, colourOf, painted } from "./table-screen.js";
import { FIRST_VIEW, viewedRows } from "./table-view.js";
import { fitted, widthOf } from "./text-width.js";

/** Rows, or why there are none. */
export type Listed = { readonly rows: readonly ServiceRow[] } | { readonly fault: string };

/** Asks a server for its services. */
export async function listServices(
  settings: ProbeSettings,
  env: Readonly<Record<string, string | undefined>>,
  cancellation: Cancellation,
): Promise<Listed> {
  const rows = new ServiceRows();
  const listener: HealthListener = {
    onConnected() {},
    onListed() {},
    onStatus: (service, status) => void rows.setStatus(service, status, probeClock.wallTime()),
    onFault() {},
    onDetails: (service, details) => details && rows.setDetails(service, details),
    onPolled() {},
  };
  const traits = { hasWatch: false, hasDetails: undefined };
  // a server that takes no call on the first connection (GOAWAY) may take it on the next
  for (let attempt = 1; ; attempt += 1) {
    const session = await openSession({ settings, services: undefined, env, listener, traits, cancellation });
    if (!(session instanceof HealthSession))
      return { fault: session.kind === "failed" ? session.text : NOT_TAKEN_TEXT };
    const end = await session.pollOnce();
    session.close();
    if (end === undefined) return { rows: rows.all };
    if (end.kind === "failed" || attempt === 2 || cancellation.isCancelled)
      return { fault: end.kind === "failed" ? end.text : NOT_TAKEN_TEXT };
  }
}

const NOT_TAKEN_TEXT = "the server did not take the call";

function byName(rows: readonly ServiceRow[]): readonly ServiceRow[] {
  return viewedRows(rows, { ...FIRST_VIEW, sort: "name" });
}

/** A line for each service, by name. Columns that the server fills for no service are left out. */
export function listText(rows: readonly ServiceRow[], hasColour: boolean): string {
  const sorted = byName(rows);
  if (sorted.length === 0) return "the server lists no service\n";
  const hasDetails = sorted.some(({ since }) => since !== undefined);
  const width = (texts: readonly string[]) => Math.max(...texts.map(widthOf));
  const name = width(["SERVICE", ...sorted.map(({ title }) => title)]);
  const status = width(["STATUS", ...sorted.map(statusText)]);
  const title = [
    fitted("SERVICE", name),
    fitted("STATUS", status),
    ...(hasDetails ? [fitted("SINCE", 20), "REASON"] : []),
  ];
  const lines = sorted.map((row) => {
    const shown = painted(fitted(statusText(row), status), colourOf(row), hasColour);
    const since = (timeText(row.since) ?? "").replace(/\.\d+Z$/, "Z");
    return [fitted(row.title, name), shown, ...(hasDetails ? [fitted(since, 20), reasonText(row)] : [])]
      .join("  ")
      .trimEnd();
  });
  return [painted(title.join("  ").trimEnd(), BOLD, hasColour), ...lines].map((line) => `${line}\n`).join("");
}

/** An object on a line for each service, by name. */
export function listJson(addr: string, rows: readonly ServiceRow[]): string {
  return byName(rows)
    .map((row) => ({ addr, service: row.service, status: row.status, ...detailFields(row) }))
    .map((object) => `${printable(JSON.stringify(object))}\n`)
    .join("");
}
