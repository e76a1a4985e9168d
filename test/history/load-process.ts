/**
 * Reads a long history as a daemon does at its start, and prints what that costs as JSON.
 *
 *     node --expose-gc --import tsx test/history/load-process.ts SERVICES DAYS MEGABYTES
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/core/clock.js";
import { HistoryFiles } from "../../src/telemetry/history/history-files.js";
import { HistoryJournal } from "../../src/telemetry/history/history-journal.js";
import { bucketRecords } from "../../src/telemetry/history/history-records.js";
import { FINE, FINE_MS, HOURLY } from "../../src/telemetry/history/series-table.js";
import { ServiceHistory } from "../../src/telemetry/history/service-history.js";
import { TransitionHistory } from "../../src/telemetry/history/transition-history.js";

export interface LoadFigures {
  readonly fileMb: number;
  readonly readMs: number;
  readonly cpuMs: number;
  /** The longest time without a turn for others. On a busy machine it contains the turns of other programs. */
  readonly longestTurnMs: number;
  readonly estimatedMb: number;
  /** Heap and buffers after a collection, beside those before. */
  readonly usedMb: number;
  readonly rssMb: number;
  readonly days: number;
}

const DAY_MS = 86_400_000;
const MB = 1_048_576;

const [services = 1_000, days = 30, memoryMb = 32] = process.argv.slice(2).map(Number);
const nameOf = (index: number) => `service.of.a.company.number-${index}`;
const { gc: collect = () => assert.fail("start it with --expose-gc") } = globalThis;

function* rows(widthMs: number, fromMs: number): IterableIterator<readonly number[]> {
  for (let number = Math.ceil(fromMs / widthMs); number < Math.floor(Date.now() / widthMs) - 1; number += 1) {
    const latency = [3_000 + (number % 500), 3_300 + (number % 700), 5_000 + (number % 3_000), 4_500 + (number % 300)];
    yield [number, widthMs - 1_000, 1_000, 0, 0, widthMs / 10_000, ...latency];
  }
}

function* records() {
  const now = Date.now();
  const fine = [...rows(FINE.widthMs, now - FINE_MS)];
  const hourly = [...rows(HOURLY.widthMs, now - days * DAY_MS)];
  for (let index = 0; index < services; index += 1) yield* bucketRecords(nameOf(index), { fine, hourly });
}

async function load(folder: string): Promise<LoadFigures> {
  collect();
  const before = process.memoryUsage();
  const history = new ServiceHistory({ clock: systemClock, maxBytes: memoryMb * MB, retainMs: days * DAY_MS });
  for (let index = 0; index < services; index += 1) history.setStatus(nameOf(index), "SERVING");
  const transitions = new TransitionHistory("now");
  const isHeld = async () => true;
  let [longestTurnMs, last] = [0, performance.now()];
  const meter = setInterval(() => {
    longestTurnMs = Math.max(longestTurnMs, performance.now() - last);
    last = performance.now();
  }, 1);
  const [startedAt, cpu] = [performance.now(), process.cpuUsage()];
  const journal = await HistoryJournal.open(folder, {
    clock: systemClock,
    instance: "load",
    services: history,
    transitions,
    isHeld,
  });
  await journal.loaded;
  const [readMs, { user, system }] = [performance.now() - startedAt, process.cpuUsage(cpu)];
  clearInterval(meter);
  await new Promise((resolve) => setTimeout(resolve, 11_000)); // the next tick applies the bound
  collect();
  const after = process.memoryUsage();
  const used = (memory: NodeJS.MemoryUsage) => memory.heapUsed + memory.arrayBuffers;
  const past = history.read(nameOf(services - 1), Date.now() - days * DAY_MS, Date.now());
  const fileBytes = readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
  const mb = (bytes: number) => Math.round((bytes / MB) * 10) / 10;
  return {
    fileMb: mb(fileBytes),
    ...{
      readMs: Math.round(readMs),
      cpuMs: Math.round((user + system) / 1_000),
      longestTurnMs: Math.round(longestTurnMs),
    },
    ...{ estimatedMb: mb(history.bytes), usedMb: mb(used(after) - used(before)), rssMb: mb(after.rss - before.rss) },
    days: Math.round(((past?.parts.serving ?? 0) / DAY_MS) * 10) / 10,
  };
}

const folder = mkdtempSync(join(tmpdir(), "hb-load-"));
process.on("exit", () => rmSync(folder, { recursive: true }));
await (await HistoryFiles.open(folder)).replaceBase(records(), new AbortController().signal);
process.stdout.write(`${JSON.stringify(await load(folder))}\n`);
process.exit(0);
