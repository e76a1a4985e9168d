/** Start: from exec to the first answer of `serve`, compared with `node -e 0`. */
import { once } from "node:events";
import { freePort } from "../../test/support/free-port.js";
import { runMeasured } from "../measuring/cores.js";
import type { BenchDeps } from "../measuring/report.js";
import { SERVING } from "./ask.js";
import { answering, type StartCommand } from "./server.js";
import { type Ready, type Result, takeTurns } from "./turns.js";

/** Starts in each round. */
const STARTS = 3;

/** Starts each build and engine of healthbridge, each time followed by `node -e 0`. */
export function compareStarts(contenders: readonly Ready[], deps: BenchDeps): Promise<readonly Result[]> {
  const ours = contenders.filter(({ start }) => start !== undefined);
  return takeTurns("start", ours, { ...deps, rounds: deps.rounds * STARTS }, async ({ start }) => {
    const firstAnswerMs = start === undefined ? Number.NaN : await firstAnswer(start);
    return { firstAnswerMs, nodeMs: await bareNode() };
  });
}

async function firstAnswer(start: StartCommand): Promise<number> {
  const port = await freePort();
  const startedAt = performance.now();
  const [file, ...args] = start(port);
  const program = runMeasured(file, args);
  try {
    await answering({ program, port }, "", SERVING);
    return performance.now() - startedAt;
  } finally {
    await program.stop();
  }
}

async function bareNode(): Promise<number> {
  const startedAt = performance.now();
  const { process: node } = runMeasured(process.execPath, ["-e", "0"]);
  await once(node, "exit");
  return performance.now() - startedAt;
}
