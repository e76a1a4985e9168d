/**
 * Runs rows against one server.
 *
 *     facts --> rows, 8 at a time --> results, in the order of the rows
 *
 * The run has bounds: 8 rows at a time with a connection or two each, 100 streams on a connection, 19 seconds.
 */
import { RowContext, type ServerFacts, type TestedServer, Unreachable } from "./context.js";
import type { ControlProgram } from "./control.js";
import { type ConformanceRow, notTried, type RowVerdict } from "./row.js";

/** What came of one row. */
export interface RowResult {
  readonly row: ConformanceRow;
  readonly verdict: RowVerdict;
  readonly durationMs: number;
}

export interface RunOptions {
  readonly server: TestedServer;
  readonly facts: ServerFacts;
  readonly control: ControlProgram | undefined;
  /** Aborted: rows that run are ended, and those that have not begun are not tried. */
  readonly signal: AbortSignal;
  /** Called for each row, in order. */
  readonly onResult: (result: RowResult) => void;
}

const MAX_CONCURRENT = 8;

/** Rows that have not begun by then are not tried. */
const MAX_RUN_MS = 14_000;

/** A row that takes longer is ended. */
const MAX_ROW_MS = 5_000;

const INTERRUPTED = notTried("the run was interrupted");

/** Runs rows. `isLast` rows begin when all others have ended. */
export async function runRows(rows: readonly ConformanceRow[], options: RunOptions): Promise<readonly RowResult[]> {
  const results: RowResult[] = [];
  const endsAt = options.server.clock.now() + MAX_RUN_MS;
  const first = rows.filter(({ isLast = false }) => !isLast);
  const last = rows.filter(({ isLast = false }) => isLast);
  for (const batch of [first, last]) {
    const pending = batch.map(() => undefined as RowResult | undefined);
    let [begun, reported] = [0, 0];
    const work = async () => {
      for (let index = begun; index < batch.length; index = begun) {
        begun += 1;
        const row = batch[index];
        if (row === undefined) return;
        pending[index] = await runRow(row, options, endsAt);
        for (let next = pending[reported]; next !== undefined; next = pending[reported]) {
          reported += 1;
          results.push(next);
          options.onResult(next);
        }
      }
    };
    await Promise.all(Array.from({ length: MAX_CONCURRENT }, work));
  }
  return results;
}

async function runRow(row: ConformanceRow, options: RunOptions, endsAt: number): Promise<RowResult> {
  const { clock } = options.server;
  const startedAt = clock.now();
  const verdict = startedAt > endsAt ? notTried("the time of the run was over") : await verdictOf(row, options);
  return { row, verdict, durationMs: clock.now() - startedAt };
}

/** The verdict of a row, or why it was ended early: a row may wait for the server or for the control program. */
async function verdictOf(row: ConformanceRow, { server, facts, control, signal }: RunOptions): Promise<RowVerdict> {
  if (signal.aborted) return INTERRUPTED;
  const context = new RowContext(server, facts, control);
  let endEarly = (_verdict: RowVerdict) => {};
  const early = new Promise<RowVerdict>((resolve) => {
    endEarly = resolve;
  });
  const onAbort = () => endEarly(INTERRUPTED);
  const cancelTimer = server.clock.setTimer(MAX_ROW_MS, () => endEarly(notTried("it took too long")));
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([early, verdictOrUnreachable(row, context)]);
  } finally {
    cancelTimer();
    signal.removeEventListener("abort", onAbort);
    context.close();
  }
}

async function verdictOrUnreachable(row: ConformanceRow, context: RowContext): Promise<RowVerdict> {
  try {
    return await row.run(context);
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    return notTried(`no connection: ${error.message}`);
  }
}
