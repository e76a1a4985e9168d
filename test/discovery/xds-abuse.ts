/**
 * What abuse of xDS costs an honest subscriber: the time from a change to its arrival, and the memory of the server.
 *
 *     xds-abusers.ts: streams that never read, NACKs, subscribers, reconnects --.
 *     here: one flip --> the response to the honest subscriber, again and again --+--> xds-program.ts: the server
 *
 * Server and abusers have processes of their own, so that nothing but the server delays the honest subscriber.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { eventually, pause } from "../support/eventually.js";
import { frame, GrpcPeer } from "../support/grpc-peer.js";
import { ADS, TYPES, writeDiscoveryRequest } from "../support/xds-messages.js";
import type { AbuseKind } from "./xds-abusers.js";
import type { ProgramFigures, ProgramOrder } from "./xds-program.js";

export interface AbuseResult {
  readonly abuse: string;
  readonly flips: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly rssMb: number;
  readonly figures: ProgramFigures;
}

/** The services that the 10,000 instances belong to, unless an abuse has another number. */
const SERVICES = 100;

/** The abuse of each measurement, and how many instances change every 50 ms. */
const ABUSES: readonly { readonly kind: AbuseKind | "none"; readonly flap?: number; readonly services?: number }[] = [
  { kind: "none" },
  { kind: "500 streams that do not read, of all services" },
  { kind: "8 streams that NACK at full speed" },
  { kind: "10,000 instances that flap, before 20 subscribers of all", flap: 1_000 },
  { kind: "one service of 10,000 instances that flap, before 20 subscribers", flap: 1_000, services: 1 },
  { kind: "20 subscribers of all that connect again every 100 ms" },
];

/** Runs each abuse for `ms`, or those with a word in their names. */
export async function abuseXds(ms: number, word = ""): Promise<readonly AbuseResult[]> {
  const results: AbuseResult[] = [];
  for (const services of new Set(ABUSES.map((each) => each.services ?? SERVICES))) {
    const abuses = ABUSES.filter((each) => (each.services ?? SERVICES) === services && each.kind.includes(word));
    if (abuses.length === 0) continue;
    const program = start("xds-program.ts", String(services));
    try {
      const { port } = await answerOf(program);
      for (const { kind, flap = 0 } of abuses) results.push(await abuse(program, port, { kind, flap, ms }));
    } finally {
      program.kill();
    }
  }
  return results;
}

async function abuse(
  program: ChildProcess,
  port: number,
  { kind, flap, ms }: { readonly kind: AbuseKind | "none"; readonly flap: number; readonly ms: number },
): Promise<AbuseResult> {
  const abusers = kind === "none" ? undefined : start("xds-abusers.ts", String(port), kind);
  if (abusers !== undefined) await once(abusers, "message", { signal: AbortSignal.timeout(30_000) });
  program.send({ flap } satisfies ProgramOrder);
  await pause(1_000);
  const delays = await measure(program, port, ms);
  const answer = answerOf(program);
  program.send({ ask: "figures" } satisfies ProgramOrder);
  const figures = await answer;
  program.send({ flap: 0 } satisfies ProgramOrder);
  abusers?.kill("SIGKILL");
  delays.sort((one, other) => one - other);
  const quantile = (share: number) => Math.round(delays[Math.floor(delays.length * share)] ?? 0);
  const rssMb = Math.round(figures.rss / 2 ** 20);
  return {
    ...{ abuse: kind, flips: delays.length, rssMb, figures },
    ...{ p50Ms: quantile(0.5), p99Ms: quantile(0.99) },
  };
}

function start(file: string, ...args: readonly string[]): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), args, { execArgv: ["--import", "tsx"] });
}

async function answerOf(program: ChildProcess): Promise<ProgramFigures> {
  const [figures] = await once(program, "message", { signal: AbortSignal.timeout(30_000) });
  return figures;
}

/** The milliseconds of each flip until the honest subscriber has it. */
async function measure(program: ChildProcess, port: number, ms: number): Promise<number[]> {
  const peer = new GrpcPeer(port);
  const stream = peer.open(ADS).on("error", () => {});
  let responses = 0;
  stream.on("data", () => {
    responses += 1;
  });
  stream.write(frame(writeDiscoveryRequest({ type_url: TYPES.eds, resource_names: ["honest"] })));
  await eventually(() => responses === 1, "the honest subscriber is served");
  const delays: number[] = [];
  const endsAt = performance.now() + ms;
  // an even number: the next measurement starts with a change, too
  for (let flips = 0; performance.now() < endsAt || flips % 2 === 1; flips += 1) {
    const arrived = once(stream, "data", { signal: AbortSignal.timeout(20_000) });
    const startedAt = performance.now();
    program.send({ flip: flips % 2 === 0 ? "failing" : "passing" } satisfies ProgramOrder);
    await arrived;
    delays.push(performance.now() - startedAt);
    await pause(10);
  }
  peer.close();
  return delays;
}
