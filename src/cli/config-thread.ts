/**
 * Reads a configuration for a reload in a thread of its own, so that this one keeps serving.
 *
 *     this thread                     the thread (config-worker)
 *     ConfigThread --file, flags----> load, validate, plan: the functions of `serve` and `validate`
 *        |        <--"invalid"------- every error
 *        |        <--"valid"---------
 *        '- receives the parts of the configuration, one in each turn
 *
 * A file can be on a network mount that does not answer, and a short file can need seconds. The thread has a time limit and
 * a memory limit. It ends after each reload, so a daemon at rest has none.
 */
import { extname } from "node:path";
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";
import { systemClock } from "../core/clock.js";
import { HealthError } from "../core/health-error.js";
import { runInTurns } from "../core/turns.js";
import {
  type ConfigPart,
  joinParts,
  type RenewedConfig,
  type ThreadAnswer,
  type ThreadRequest,
} from "./config-parts.js";

/** How long the thread may take, in milliseconds. */
const MAX_READ_MS = 30_000;

/** Memory of the thread. A valid file of 1 MiB needs about half of it. */
const MAX_HEAP_MB = 256;

/** How the thread runs. */
export interface ThreadOptions {
  readonly maxReadMs?: number;
  readonly maxHeapMb?: number;
  /** Its code. Default: the file beside this one. */
  readonly entry?: URL;
}

const ENTRY = new URL(`./config-worker${extname(import.meta.url)}`, import.meta.url);

/**
 * Reads a file with flags on top.
 * @throws HealthError INVALID_CONFIG with every error, and when the thread takes too much time or memory; the reason of the
 *   signal, when it is aborted
 */
export async function loadInThread(
  request: Omit<ThreadRequest, "port">,
  signal: AbortSignal,
  { maxReadMs = MAX_READ_MS, maxHeapMb = MAX_HEAP_MB, entry = ENTRY }: ThreadOptions = {},
): Promise<RenewedConfig> {
  const { file = "the configuration" } = request;
  signal.throwIfAborted();
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(entry, {
    workerData: { ...request, port: port2 } satisfies ThreadRequest,
    transferList: [port2],
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
  });
  const tooSlow = `${file}: could not be read within ${maxReadMs / 1000} s`;
  let cancel: (reason: unknown) => void = () => {};
  const cancelled = new Promise<never>((_, reject) => {
    cancel = reject;
  });
  const cancelTimer = systemClock.setTimer(maxReadMs, () => cancel(new HealthError("INVALID_CONFIG", tooSlow)));
  const onAbort = () => cancel(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    const tooLarge = `${file}: needs more than ${maxHeapMb} MB of memory to be read`;
    const answer = await Promise.race([answerOf(worker, tooLarge), cancelled]);
    if (answer.kind === "invalid") throw new HealthError("INVALID_CONFIG", answer.message);
    // only `config-worker` writes to the port
    const next = () => receiveMessageOnPort(port1)?.message as ConfigPart | undefined;
    const { failed, renewed } = answer;
    return { ...(await runInTurns(joinParts(next), systemClock, signal)), failed, renewed };
  } finally {
    cancelTimer();
    signal.removeEventListener("abort", onAbort);
    port1.close();
    worker.unref();
    void worker.terminate();
  }
}

function answerOf(worker: Worker, tooLarge: string): Promise<ThreadAnswer> {
  return new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.on("error", (error) => {
      const isFull = "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
      reject(isFull ? new HealthError("INVALID_CONFIG", tooLarge, { cause: error }) : error);
    });
    worker.once("exit", () => reject(new Error("the thread that reads the configuration has ended")));
  });
}
