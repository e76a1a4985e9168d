/**
 * The health protocol while statuses change.
 *
 * Each row has service names of its own, and waits for a message only after the program has said ok.
 */
import { LIST, outcomeOf } from "./context.js";
import { controlRow, hasHad } from "./control-row.js";
import { readList } from "./list-answer.js";
import { breaks, type ConformanceRow, HOLDS, notTried } from "./row.js";
import { HEALTH_DOC, HEALTH_PROTO } from "./sources.js";

const MAX_WATCHES = 50;

/** Changes in a row, faster than they can be read. */
const BURST = 20;

export const CONTROL_ROWS: readonly ConformanceRow[] = [
  controlRow(
    {
      id: "set-check",
      rule: "Check answers the status that was set last, at once.",
      source: HEALTH_DOC,
      severity: "must",
    },
    async ({ context, connection, service, set }) => {
      for (const status of ["SERVING", "NOT_SERVING", "SERVING"] as const) {
        await set(status);
        const answer = await context.call(connection, { service });
        if (!answer.isOk || answer.statuses.join() !== status)
          return breaks(`set ${service} ${status}, and Check`, status, outcomeOf(connection, answer));
      }
      return HOLDS;
    },
    false,
  ),
  controlRow(
    {
      id: "set-watch",
      rule: "A Watch sends each change of the status, in order.",
      source: HEALTH_DOC,
      severity: "must",
    },
    async (row) => {
      await row.set("SERVING");
      const answer = row.watch();
      await row.messages(answer, 1);
      for (const [index, status] of (["NOT_SERVING", "SERVING"] as const).entries()) {
        await row.set(status);
        if (!(await row.messages(answer, index + 2))) break;
      }
      if (hasHad(row, answer, "SERVING", "NOT_SERVING", "SERVING")) return HOLDS;
      const sent = `Watch of ${row.service}, then set NOT_SERVING and set SERVING`;
      return breaks(sent, "SERVING, NOT_SERVING, SERVING", outcomeOf(row.connection, answer));
    },
  ),
  controlRow(
    {
      id: "set-same",
      rule: "A status that is set again is no change: a Watch sends nothing.",
      source: HEALTH_DOC,
      severity: "should",
    },
    async (row) => {
      await row.set("SERVING");
      const answer = row.watch();
      await row.messages(answer, 1);
      for (let round = 0; round < 3; round += 1) await row.set("SERVING");
      await row.connection.until(() => answer.messages.length > 1 || answer.hasEnded, row.context.quietMs);
      if (answer.messages.length <= 1) return HOLDS;
      return breaks(
        `Watch of ${row.service}, then set SERVING 3 times`,
        "SERVING once",
        outcomeOf(row.connection, answer),
      );
    },
  ),
  controlRow(
    {
      id: "set-appears",
      rule: "A Watch of an unknown service sends the status when the service becomes known.",
      source: HEALTH_PROTO,
      severity: "must",
    },
    async (row) => {
      const answer = row.watch();
      await row.messages(answer, 1);
      await row.set("NOT_SERVING");
      await row.messages(answer, 2);
      if (hasHad(row, answer, "SERVICE_UNKNOWN", "NOT_SERVING")) return HOLDS;
      const sent = `Watch of ${row.service}, then set NOT_SERVING`;
      return breaks(sent, "SERVICE_UNKNOWN, NOT_SERVING", outcomeOf(row.connection, answer));
    },
  ),
  controlRow(
    {
      id: "set-other",
      rule: "A change of one service is not sent to the Watch of another one.",
      source: HEALTH_DOC,
      severity: "must",
    },
    async (row) => {
      const other = `${row.service}.other`;
      await row.set("SERVING");
      await row.set("SERVING", other);
      const answer = row.watch();
      await row.messages(answer, 1);
      await row.set("NOT_SERVING", other);
      await row.connection.until(() => answer.messages.length > 1 || answer.hasEnded, row.context.quietMs);
      if (hasHad(row, answer, "SERVING")) return HOLDS;
      return breaks(
        `Watch of ${row.service}, then set ${other} NOT_SERVING`,
        "SERVING alone",
        outcomeOf(row.connection, answer),
      );
    },
  ),
  controlRow(
    {
      id: "set-last",
      rule: "Of changes that come quickly some may be left out. Their order is kept, and the last one is sent.",
      source: HEALTH_DOC,
      severity: "must",
    },
    async (row) => {
      await row.set("SERVING");
      const answer = row.watch();
      await row.messages(answer, 1);
      const changes = Array.from({ length: BURST + 1 }, (_, index) => (index % 2 === 0 ? "NOT_SERVING" : "SERVING"));
      await Promise.all(changes.map((status) => row.set(status)));
      const isLast = () => answer.statuses.at(-1) === "NOT_SERVING";
      // earlier changes may still come after the program has said ok to all: the last one is that after which none comes
      for (let round = 0; round <= BURST; round += 1) {
        await row.connection.until(() => answer.hasEnded || isLast(), row.context.answerMs);
        const { length } = answer.statuses;
        if (!(await row.connection.until(() => answer.statuses.length > length, row.context.quietMs))) break;
      }
      if (isLast() && !answer.hasEnded) return HOLDS;
      const sent = `Watch of ${row.service}, then ${BURST + 1} changes in a row, the last to NOT_SERVING`;
      return breaks(sent, "NOT_SERVING last", outcomeOf(row.connection, answer));
    },
  ),
  controlRow(
    {
      id: "set-many",
      rule: "Each Watch of a service gets the change (here at most 50).",
      source: HEALTH_DOC,
      severity: "must",
    },
    async (row) => {
      await row.set("SERVING");
      const count = Math.min(MAX_WATCHES, row.connection.settings.maxConcurrentStreams);
      const answers = Array.from({ length: count }, () => row.watch());
      const { answerMs } = row.context;
      await row.connection.until(() => answers.every(({ messages }) => messages.length > 0), answerMs);
      await row.set("NOT_SERVING");
      await row.connection.until(() => answers.every(({ messages }) => messages.length > 1), answerMs);
      const failed = answers.filter((answer) => !hasHad(row, answer, "SERVING", "NOT_SERVING"));
      const [first] = failed;
      if (first === undefined) return HOLDS;
      const received = `${failed.length} without: the first has ${outcomeOf(row.connection, first)}`;
      return breaks(
        `${count} Watches of ${row.service}, then set NOT_SERVING`,
        "SERVING, NOT_SERVING on each",
        received,
      );
    },
  ),
  controlRow(
    {
      id: "set-list",
      rule: "List has a service that was set, with its status.",
      source: HEALTH_PROTO,
      severity: "must",
    },
    async ({ context, connection, service, set }) => {
      if (context.facts.noList !== undefined) return notTried(context.facts.noList);
      await set("NOT_SERVING");
      const answer = await context.call(connection, LIST);
      const list = readList(answer);
      const status = list === "too long" ? undefined : list?.get(service);
      if (status === "NOT_SERVING") return HOLDS;
      const received = answer.isOk ? (status ?? "no entry for it") : outcomeOf(connection, answer);
      return breaks(`set ${service} NOT_SERVING, and List`, "NOT_SERVING for it", received);
    },
    false,
  ),
  controlRow(
    {
      id: "clear-check",
      rule: "A service that was removed is unknown: Check fails with NOT_FOUND.",
      source: HEALTH_PROTO,
      severity: "must",
    },
    async ({ context, connection, service, set, clear }) => {
      await set("SERVING");
      await clear();
      const answer = await context.call(connection, { service });
      if (answer.code === "NOT_FOUND") return HOLDS;
      return breaks(
        `set ${service} SERVING, clear it, and Check`,
        "grpc-status NOT_FOUND",
        outcomeOf(connection, answer),
      );
    },
    false,
  ),
  controlRow(
    {
      id: "clear-watch",
      rule: "A Watch of a service that is removed sends SERVICE_UNKNOWN and stays open, for the service may come back.",
      source: HEALTH_PROTO,
      severity: "must",
    },
    async (row) => {
      await row.set("SERVING");
      const answer = row.watch();
      await row.messages(answer, 1);
      await row.clear();
      if (await row.messages(answer, 2)) {
        await row.set("SERVING");
        await row.messages(answer, 3);
      }
      if (hasHad(row, answer, "SERVING", "SERVICE_UNKNOWN", "SERVING")) return HOLDS;
      const sent = `Watch of ${row.service}, then clear and set SERVING`;
      return breaks(sent, "SERVING, SERVICE_UNKNOWN, SERVING", outcomeOf(row.connection, answer));
    },
  ),
];
