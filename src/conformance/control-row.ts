/** The kind of rows whose statuses change: a program changes them, see control. */
import { type RowContext, unknownName } from "./context.js";
import type { ControlProgram, ControlReply } from "./control.js";
import type { FrameConnection } from "./frame-connection.js";
import { type ConformanceRow, notTried, type RowText, type RowVerdict } from "./row.js";
import type { StreamAnswer } from "./stream-answer.js";

/** The program could not do a step. */
class ControlRefused extends Error {
  override readonly name = "ControlRefused";
}

/** What a row is given: it throws ControlRefused where the program says no. */
export interface ControlledRow {
  readonly context: RowContext;
  readonly connection: FrameConnection;
  readonly service: string;
  set(status: "SERVING" | "NOT_SERVING", service?: string): Promise<void>;
  clear(): Promise<void>;
  watch(service?: string): StreamAnswer;
  /** Waits until a Watch has had so many messages; false when they do not come. */
  messages(answer: StreamAnswer, count: number): Promise<boolean>;
}

/** A row on changes. It is not tried without a program, or if the program cannot do a step. */
export function controlRow(
  text: RowText,
  run: (row: ControlledRow) => Promise<RowVerdict>,
  needsWatch = true,
): ConformanceRow {
  return {
    ...text,
    group: "health",
    needsControl: true,
    async run(context) {
      const { control } = context;
      if (control === undefined) return notTried("it needs a program that changes statuses (--control)");
      if (needsWatch && context.facts.noWatch !== undefined) return notTried(context.facts.noWatch);
      const connection = await context.connect();
      try {
        return await run(controlledRow(text.id, { context, connection, control }));
      } catch (error) {
        if (error instanceof ControlRefused) return notTried(`the control program: ${error.message}`);
        throw error;
      }
    },
  };
}

function controlledRow(
  id: string,
  of: { readonly context: RowContext; readonly connection: FrameConnection; readonly control: ControlProgram },
): ControlledRow {
  const { context, connection, control } = of;
  const service = unknownName(id);
  const done = async (answer: Promise<ControlReply>) => {
    const result = await answer;
    if (result !== "ok") throw new ControlRefused(result.refused);
  };
  return {
    context,
    connection,
    service,
    set: (status, name = service) => done(control.set(name, status)),
    clear: () => done(control.clear(service)),
    watch: (name = service) => context.send(connection, { method: "Watch", service: name }).answer,
    messages: async (answer, count) => {
      await connection.until(() => answer.hasEnded || answer.messages.length >= count, context.answerMs);
      return answer.messages.length >= count;
    },
  };
}

/** Whether a Watch is open and has had exactly these statuses. */
export function hasHad(row: ControlledRow, answer: StreamAnswer, ...statuses: readonly string[]): boolean {
  return !answer.hasEnded && row.connection.end === undefined && answer.statuses.join() === statuses.join();
}
