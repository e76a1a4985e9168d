/**
 * A daemon that is killed at random moments while a heartbeat reports pass and fail in turns.
 *
 *     start --> is the history true? --> reports, one every few ms --> SIGKILL at a random moment --> start ...
 *
 *     between the answer of a report and the next report   the status is known
 *     from a report to its answer, and around a restart    it may be either
 *
 * In the history, the time of a status is at most the time in which it may have been, and at least the time in which it was
 * known, without the last `MAX_LOST_MS` of each process. The transitions of a process are its first ones, without a gap.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DaemonProcess } from "../support/daemon-process.js";
import { pause } from "../support/eventually.js";
import { SeededRandom } from "../support/seeded-random.js";

export interface HistoryKills {
  readonly rounds: number;
  readonly reports: number;
  /** Milliseconds of known status that are not in the history, over all rounds; and the most transitions of one round. */
  readonly lostMs: number;
  readonly lostTransitions: number;
  /** Files with a torn last line. */
  readonly torn: number;
  readonly problems: readonly string[];
}

/** What docs/history.md states, with the time of a write on a busy machine. */
const MAX_LOST_MS = 3_000;

/** A busy machine may need longer than a second to read the files. */
const READ_MS = 30_000;

/** Parts are stored in tenths of a second. */
const ROUNDING_MS = 200;

/** The daemon stamps a change between the report and its answer, by the same clock; whole milliseconds. */
const STAMP_MS = 2;

const CONFIG = `listen: ["127.0.0.1:0"]
stateDir: DIR/state
checks:
  a: { heartbeat: { ttl: 1h, token: t }, healthyThreshold: 1, unhealthyThreshold: 1 }
`;

type Status = "SERVING" | "NOT_SERVING";
const STATUSES = ["SERVING", "NOT_SERVING"] as const;
const PART_OF = { SERVING: "serving", NOT_SERVING: "notServing" } as const;

interface Report {
  readonly status: Status;
  readonly sentAt: number;
  answeredAt: number | undefined;
}

interface Answer {
  readonly seconds: Readonly<Record<string, number>>;
  readonly transitions: readonly { readonly to: string; readonly at: string }[];
}

class Rounds {
  readonly #random: SeededRandom;
  readonly problems: string[] = [];
  /** Milliseconds in which a status was known, and may have been, since the first start. */
  readonly #known = { SERVING: 0, NOT_SERVING: 0 };
  readonly #possible = { SERVING: 0, NOT_SERVING: 0 };
  readonly #startedAt = Date.now();
  #reports: Report[] = [];
  reports = 0;
  lostMs = 0;
  lostTransitions = 0;
  torn = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** Runs one process until it is killed. */
  async live(config: string, maxLifeMs: number): Promise<void> {
    const launchedAt = Date.now();
    const daemon = await DaemonProcess.serve("-c", config);
    try {
      await this.#verify(daemon, launchedAt);
      this.#noteDamage(daemon);
      this.#reports = [];
      const reporting = this.#report(daemon);
      await pause(this.#random.between(50, maxLifeMs));
      daemon.process.kill("SIGKILL");
      await reporting;
      this.#add(launchedAt, Date.now());
    } finally {
      await daemon.kill();
    }
  }

  /** Reports until the daemon is gone. */
  async #report({ port }: DaemonProcess): Promise<void> {
    for (let index = 0; ; index += 1) {
      const report: Report = { status: STATUSES[index % 2] ?? "SERVING", sentAt: Date.now(), answeredAt: undefined };
      this.#reports.push(report);
      try {
        const body = report.status === "SERVING" ? "pass" : "fail";
        const headers = { authorization: "Bearer t" };
        const url = `http://127.0.0.1:${port}/heartbeat/a?status=${body}`;
        const answer = await fetch(url, { method: "POST", headers });
        await answer.text();
        if (answer.status !== 200) throw new Error(`${answer.status}`);
      } catch {
        return;
      }
      report.answeredAt = Date.now();
      this.reports += 1;
      await pause(this.#random.between(0, 60));
    }
  }

  /** Adds a process to what is known: from its launch to its end. */
  #add(launchedAt: number, endedAt: number): void {
    const [first] = this.#reports;
    for (const status of STATUSES) this.#possible[status] += (first?.answeredAt ?? endedAt) - launchedAt;
    for (const [index, { status, answeredAt }] of this.#reports.entries()) {
      if (answeredAt === undefined) break;
      const next = this.#reports[index + 1];
      const until = next?.sentAt ?? endedAt;
      this.#known[status] += Math.max(0, until - answeredAt);
      this.#possible[status] += until - answeredAt;
      const unsure = (next?.answeredAt ?? endedAt) - until;
      for (const either of STATUSES) this.#possible[either] += unsure;
    }
  }

  /** The history after a start. Since the launch, the status may have been either. */
  async #verify(daemon: DaemonProcess, launchedAt: number): Promise<void> {
    const before = this.lostMs;
    // a history that takes more than a second to read is read while the daemon serves
    const deadline = performance.now() + READ_MS;
    let read = await this.#read(daemon, launchedAt);
    for (
      ;
      read.missingMs - before > MAX_LOST_MS && performance.now() < deadline;
      read = await this.#read(daemon, launchedAt)
    )
      await pause(200);
    if (read.missingMs - before > MAX_LOST_MS)
      this.problems.push(`${read.missingMs - before} ms of the last process are lost`);
    this.lostMs = Math.max(before, read.missingMs);
    this.#verifyTransitions(read.transitions.filter(({ at }) => Date.parse(at) < launchedAt));
  }

  /** Reads the history, which at no time may have more than was possible. */
  async #read(
    { port }: DaemonProcess,
    launchedAt: number,
  ): Promise<{ missingMs: number } & Pick<Answer, "transitions">> {
    const from = new Date(this.#startedAt - 1_000).toISOString();
    const answer = await fetch(`http://127.0.0.1:${port}/history/a?from=${from}`);
    const { seconds, transitions } = (await answer.json()) as Answer; // documented in docs/history.md
    const startMs = Date.now() - launchedAt;
    let missingMs = 0;
    for (const status of STATUSES) {
      const ms = (seconds[PART_OF[status]] ?? 0) * 1_000;
      const most = this.#possible[status] + startMs + ROUNDING_MS;
      if (ms > most) this.problems.push(`${ms - most} ms of ${status} are invented`);
      missingMs += Math.max(0, this.#known[status] - ms);
    }
    return { missingMs, transitions };
  }

  /** The transitions of the last process: what was reported, from the first one on, and none is missing in between. */
  #verifyTransitions(transitions: Answer["transitions"]): void {
    const [first] = this.#reports;
    if (first === undefined) return;
    const changes = transitions.filter(({ at, to }) => Date.parse(at) >= first.sentAt - STAMP_MS && isStatus(to));
    const last = this.#reports.at(-1)?.answeredAt ?? this.#reports.at(-2)?.answeredAt ?? first.sentAt;
    // the first report may have been the status already: the process has taken it up at its start
    const expected = this.#reports.filter(({ status }, index) => index > 0 || status === changes[0]?.to);
    for (const [index, { to, at }] of changes.entries()) {
      const report = expected[index];
      const isIn = report !== undefined && Date.parse(at) >= report.sentAt - STAMP_MS;
      if (
        !isIn ||
        to !== report.status ||
        Date.parse(at) > (report.answeredAt ?? Number.POSITIVE_INFINITY) + STAMP_MS
      ) {
        this.problems.push(`transition ${index} (${to} at ${at}) was not reported so`);
        return;
      }
    }
    const lost = expected.slice(changes.length).filter(({ answeredAt }) => answeredAt !== undefined);
    this.lostTransitions = Math.max(this.lostTransitions, lost.length);
    if ((lost[0]?.answeredAt ?? last) < last - MAX_LOST_MS)
      this.problems.push(`${lost.length} transitions of the last ${last - (lost[0]?.answeredAt ?? last)} ms are lost`);
  }

  #noteDamage({ log }: DaemonProcess): void {
    for (const { event, damagedLines } of log)
      if (event === "journal-damaged") {
        this.torn += 1;
        if (damagedLines !== 0) this.problems.push("a file is damaged");
      }
  }
}

function isStatus(text: string): boolean {
  return text === "SERVING" || text === "NOT_SERVING";
}

/** Kills a daemon so many times, each after at most `maxLifeMs`. Ends at the first round with a problem. */
export async function killRounds(rounds: number, seed: number, maxLifeMs: number): Promise<HistoryKills> {
  const directory = mkdtempSync(join(tmpdir(), "hb-history-"));
  const config = join(directory, "healthbridge.yaml");
  writeFileSync(config, CONFIG.replaceAll("DIR", directory));
  const run = new Rounds(new SeededRandom(seed));
  let done = 0;
  try {
    for (; done < rounds && run.problems.length === 0; done += 1) await run.live(config, maxLifeMs);
  } finally {
    rmSync(directory, { recursive: true });
  }
  const { reports, lostMs, lostTransitions, torn, problems } = run;
  return { rounds: done, reports, lostMs, lostTransitions, torn, problems };
}
