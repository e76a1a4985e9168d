/** The health protocol: Watch and List. */
import { LIST, NO_KNOWN_SERVICE, outcomeOf, type RowContext, unknownName } from "./context.js";
import type { FrameConnection } from "./frame-connection.js";
import { type ListedStatuses, readList } from "./list-answer.js";
import { breaks, type ConformanceRow, HOLDS, notTried, type RowText, type RowVerdict } from "./row.js";
import { HEALTH_DOC, HEALTH_PROTO } from "./sources.js";
import type { StreamAnswer } from "./stream-answer.js";

/** A Watch of the known service that has had its first message, or has ended without one. */
interface WatchUnderTest {
  readonly context: RowContext;
  readonly connection: FrameConnection;
  readonly answer: StreamAnswer;
  readonly service: string;
}

/** A row on a Watch of a known service. */
function watchRow(text: RowText, judge: (watch: WatchUnderTest) => Promise<RowVerdict>): ConformanceRow {
  return {
    ...text,
    group: "health",
    async run(context) {
      const { known, noWatch } = context.facts;
      if (noWatch !== undefined) return notTried(noWatch);
      if (known === undefined) return notTried(NO_KNOWN_SERVICE);
      const connection = await context.connect();
      const { answer } = context.send(connection, { method: "Watch", service: known });
      await context.firstMessage(connection, answer);
      return judge({ context, connection, answer, service: known });
    },
  };
}

/** A row that calls List once, and is not tried if the server does not implement it. */
function listRow(text: RowText, judge: (list: ListUnderTest) => Promise<RowVerdict>): ConformanceRow {
  return {
    ...text,
    group: "health",
    async run(context) {
      if (context.facts.noList !== undefined) return notTried(context.facts.noList);
      const connection = await context.connect();
      const answer = await context.call(connection, LIST);
      const statuses = answer.isOk ? readList(answer) : undefined;
      if (statuses === undefined || statuses === "too long")
        return breaks("List", "OK with one map", outcomeOf(connection, answer));
      return judge({ context, connection, statuses });
    },
  };
}

interface ListUnderTest {
  readonly context: RowContext;
  readonly connection: FrameConnection;
  readonly statuses: ListedStatuses;
}

export const HEALTH_WATCH_ROWS: readonly ConformanceRow[] = [
  {
    id: "watch-unknown",
    rule: "Watch of a service that the server does not know sends SERVICE_UNKNOWN, and the stream stays open.",
    source: HEALTH_PROTO,
    severity: "must",
    group: "health",
    async run(context) {
      if (context.facts.noWatch !== undefined) return notTried(context.facts.noWatch);
      const connection = await context.connect();
      const service = unknownName("watch-unknown");
      const { answer } = context.send(connection, { method: "Watch", service });
      await context.firstMessage(connection, answer);
      await connection.until(() => answer.hasEnded || answer.messages.length > 1, context.quietMs);
      if (answer.statuses.join() === "SERVICE_UNKNOWN" && !answer.hasEnded && connection.end === undefined)
        return HOLDS;
      return breaks(`Watch of ${service}`, "SERVICE_UNKNOWN, and the stream stays open", outcomeOf(connection, answer));
    },
  },
  watchRow(
    {
      id: "watch-first",
      rule: "Watch sends the present status at once: the one that Check answers.",
      source: HEALTH_DOC,
      severity: "must",
    },
    async ({ context, connection, answer, service }) => {
      const sent = `Watch of ${JSON.stringify(service)}`;
      if (answer.messages.length === 0) return breaks(sent, "a status at once", outcomeOf(connection, answer));
      const [first] = answer.statuses;
      // a status may change meanwhile: then a second Check agrees with it
      for (let round = 0; round < 2; round += 1) {
        const check = await context.call(connection, { service });
        const [status] = check.statuses;
        const isComparable = status !== undefined && status !== "SERVICE_UNKNOWN";
        if (!check.isOk || !isComparable || status === first) return HOLDS;
        if (round > 0)
          return breaks(`${sent}, and Check of it`, `${status}, as Check answers`, outcomeOf(connection, answer));
      }
      return HOLDS;
    },
  ),
  watchRow(
    {
      id: "watch-stays-open",
      rule: "A Watch stays open, for the changes to come.",
      source: HEALTH_DOC,
      severity: "must",
    },
    async ({ context, connection, answer, service }) => {
      await connection.until(() => answer.hasEnded, context.quietMs);
      if (!answer.hasEnded && connection.end === undefined) return HOLDS;
      return breaks(`Watch of ${JSON.stringify(service)}`, "the stream stays open", outcomeOf(connection, answer));
    },
  ),
  watchRow(
    {
      id: "watch-changes-only",
      rule: "A Watch sends a message when the status changes: never the same status twice in a row.",
      source: HEALTH_DOC,
      severity: "should",
    },
    async ({ context, connection, answer, service }) => {
      const repeats = () => answer.statuses.some((status, index) => index > 0 && status === answer.statuses[index - 1]);
      await connection.until(repeats, context.quietMs);
      if (!repeats()) return HOLDS;
      return breaks(
        `Watch of ${JSON.stringify(service)}`,
        "no message without a change",
        outcomeOf(connection, answer),
      );
    },
  ),
  watchRow(
    {
      id: "watch-independent",
      rule: "A Watch that a client cancels ends alone: another Watch on the connection goes on.",
      source: HEALTH_DOC,
      severity: "must",
    },
    async ({ context, connection, answer, service }) => {
      const other = context.send(connection, { method: "Watch", service });
      await context.firstMessage(connection, other.answer);
      context.cancel(connection, other.id);
      await connection.until(() => answer.hasEnded, context.quietMs);
      if (other.answer.messages.length > 0 && !answer.hasEnded && connection.end === undefined) return HOLDS;
      const received = `first: ${outcomeOf(connection, answer)}; second: ${other.answer.describe()}`;
      return breaks(
        "two Watches of one service, then a cancel of the second",
        "a status on each; the first stays open",
        received,
      );
    },
  ),
  listRow(
    {
      id: "list-overall",
      rule: "List has all services with their statuses, and so the server as a whole, if it has a status.",
      source: HEALTH_PROTO,
      severity: "must",
    },
    async ({ context, statuses }) => {
      if (!context.facts.overallIsKnown) return notTried('Check of "" has no status');
      return statuses.has("") ? HOLDS : breaks("List", 'an entry for ""', `${statuses.size} entries, and none for it`);
    },
  ),
  listRow(
    {
      id: "list-values",
      rule: "The statuses in a List are UNKNOWN, SERVING or NOT_SERVING.",
      source: HEALTH_PROTO,
      severity: "must",
    },
    async ({ statuses }) => {
      for (const [name, status] of statuses)
        if (status === "SERVICE_UNKNOWN" || status === "unreadable")
          return breaks("List", "UNKNOWN, SERVING or NOT_SERVING", `${JSON.stringify(name)}: ${status}`);
      return HOLDS;
    },
  ),
  listRow(
    {
      id: "list-agrees",
      rule: "A service that List names has that status in Check too.",
      source: HEALTH_PROTO,
      severity: "must",
    },
    async ({ context, connection, statuses }) => {
      const differing = async (names: readonly string[], listed: ListedStatuses) => {
        const found: string[] = [];
        for (const service of names) {
          const check = await context.call(connection, { service });
          const [status = "unreadable"] = check.statuses;
          const isComparable = status !== "SERVICE_UNKNOWN" && status !== "unreadable";
          if (!check.isOk || (isComparable && status !== listed.get(service))) found.push(service);
        }
        return found;
      };
      const isLegal = (name: string) => !["SERVICE_UNKNOWN", "unreadable"].includes(statuses.get(name) ?? "");
      const asked = context.facts.names.filter((name) => statuses.has(name) && isLegal(name));
      const suspects = await differing(asked, statuses);
      if (suspects.length === 0) return HOLDS;
      // a status may change between the two calls: it differs twice only if they disagree
      const again = readList(await context.call(connection, LIST));
      if (again === undefined || again === "too long") return HOLDS;
      const [service] = await differing(
        suspects.filter((name) => again.has(name)),
        again,
      );
      if (service === undefined) return HOLDS;
      const check = await context.call(connection, { service });
      const sent = `List, and Check of ${JSON.stringify(service)}`;
      return breaks(sent, `${again.get(service)} in both`, outcomeOf(connection, check));
    },
  ),
];
