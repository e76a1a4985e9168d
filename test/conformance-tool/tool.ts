/** The conformance tool in the process of the test: over a port, with a control program that the test answers. */
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { testedServer } from "../../src/cli/conformance-server.js";
import type { TestedServer } from "../../src/conformance/context.js";
import { ControlProgram } from "../../src/conformance/control.js";
import { discover } from "../../src/conformance/discover.js";
import type { ConformanceRow } from "../../src/conformance/row.js";
import { type RowResult, runRows } from "../../src/conformance/run.js";
import { ROWS } from "../../src/conformance/table.js";
import { keepAlive } from "../../src/core/background.js";
import { systemClock } from "../../src/core/clock.js";

const PIPE = fileURLToPath(new URL("control-pipe.mjs", import.meta.url));

/** What a control program changes. It answers when the returned promise has settled. */
export interface Changed {
  set(service: string, status: "SERVING" | "NOT_SERVING"): unknown;
  clear(service: string): unknown;
}

export interface ToolOptions {
  readonly changed?: Changed;
  readonly rows?: readonly ConformanceRow[];
  readonly flags?: ReadonlyMap<string, readonly string[]>;
  /** Times of an answer and of silence, in milliseconds. */
  readonly times?: Pick<TestedServer, "answerMs" | "quietMs">;
  readonly onResult?: (result: RowResult, count: number) => void;
}

/** Runs rows, by default all. */
export async function runTool(address: string, options: ToolOptions = {}): Promise<readonly RowResult[]> {
  const { changed, rows = ROWS, flags = new Map(), times = { answerMs: 2_000, quietMs: 200 }, onResult } = options;
  const server = { ...(await testedServer(address, flags)), ...times };
  const control = changed === undefined ? undefined : await controlOf(changed);
  const { signal } = new AbortController();
  let count = 0;
  try {
    const facts = await keepAlive(discover(server, { control: control?.program, signal }));
    const run = runRows(rows, {
      server,
      facts,
      control: control?.program,
      signal,
      onResult: (result) => {
        count += 1;
        onResult?.(result, count);
      },
    });
    return await keepAlive(run);
  } finally {
    await control?.stop();
  }
}

/** The rows that are claimed to be broken. */
export function breachesOf(results: readonly RowResult[]): readonly string[] {
  return results.filter(({ verdict }) => verdict.kind === "breaks").map(({ row }) => row.id);
}

/** The same with all that the report says, for the message of a test. */
export function explain(results: readonly RowResult[]): string {
  const broken = results.filter(({ verdict }) => verdict.kind === "breaks");
  return broken.map(({ row, verdict }) => `${row.id}: ${JSON.stringify(verdict)}`).join("\n");
}

async function controlOf(changed: Changed) {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    createInterface(socket).on("line", (line) => {
      const [verb, service = "", status] = line.split(" ");
      const isStatus = status === "SERVING" || status === "NOT_SERVING";
      const done = verb === "clear" ? changed.clear(service) : isStatus && changed.set(service, status);
      void Promise.resolve(done).then(() => socket.write("ok\n"));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const program = new ControlProgram(`exec '${process.execPath}' '${PIPE}' ${port}`, systemClock, 20_000);
  return {
    program,
    stop: async () => {
      await program.stop();
      server.close();
    },
  };
}
