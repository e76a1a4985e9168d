/**
 * What clients see of an application whose event loop is blocked, and what the thread costs: measured from another process.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { fileURLToPath } from "node:url";
import { inTime, pause } from "../support/eventually.js";
import { GrpcPeer } from "../support/grpc-peer.js";
import { notOutlive } from "../support/not-outlive.js";

const SUBJECT = fileURLToPath(new URL("./subject.cjs", import.meta.url));

/** A request is given up after this time, as a kubelet does. */
const TIMEOUT_MS = 1_000;

const EVERY_MS = 20;

/** A subject of the measurement. `folder` has the packages of a peer. */
export interface Subject {
  readonly kind: string;
  readonly folder?: string | undefined;
}

export const OURS: Subject = { kind: "healthbridge, thread: true" };

/** What the requests over one protocol have seen while the loop was blocked. Times are in milliseconds. */
export interface Answers {
  readonly requests: number;
  readonly answered: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** From the start of the block to the first NOT_SERVING. */
  readonly turnedAfterMs: number | undefined;
  /** From the end of the block to the first SERVING. */
  readonly backAfterMs: number | undefined;
}

export interface Isolation {
  readonly kind: string;
  readonly http: Answers | undefined;
  readonly grpc: Answers | undefined;
  /** How late the timers of the measuring process were: what the machine adds to each latency. */
  readonly ownP99Ms: number;
}

interface Sample {
  readonly sentAt: number;
  readonly latencyMs: number;
  readonly status: "SERVING" | "NOT_SERVING" | "no answer";
}

const now = () => Number(process.hrtime.bigint()) / 1e6;

interface Started {
  readonly child: ChildProcess;
  readonly http: number | undefined;
  readonly path: string;
  readonly grpc: number | undefined;
}

async function start({ kind, folder }: Subject, stallAfterMs: number): Promise<Started> {
  const child = fork(SUBJECT, folder === undefined ? [kind] : [kind, folder], {
    execArgv: [],
    env: { ...process.env, STALL_AFTER: `${stallAfterMs}ms` },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  notOutlive(child, () => void child.kill("SIGKILL"));
  const [message] = await inTime(once(child, "message"), `${kind} serves`);
  const { http, path = "/", grpc } = Object(message);
  return { child, http, path, grpc };
}

async function end(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

/** Sends a message, and resolves with the answer. */
async function tell(child: ChildProcess, message: object): Promise<Readonly<Record<string, number>>> {
  const answer = once(child, "message");
  child.send(message);
  const [value] = await answer;
  return Object(value);
}

/** Blocks the event loop of a subject while 50 requests a second come over each of its protocols. */
export async function measureIsolation(subject: Subject, blockMs: number, stallAfterMs: number): Promise<Isolation> {
  const { child, http, path, grpc } = await start(subject, stallAfterMs);
  const agent = new Agent({ keepAlive: true });
  const peer = grpc === undefined ? undefined : new GrpcPeer(grpc);
  const samples = { http: [] as Sample[], grpc: [] as Sample[] };
  const late: number[] = [];
  let isDone = false;
  const ask = async () => {
    for (let dueAt = now(); !isDone; ) {
      if (http !== undefined) void sample(samples.http, () => askHttp(http, path, agent));
      if (peer !== undefined) void sample(samples.grpc, () => askGrpc(peer));
      dueAt += EVERY_MS;
      await pause(Math.max(0, dueAt - now()));
      late.push(Math.max(0, now() - dueAt));
    }
  };
  try {
    const asking = ask();
    await pause(500);
    const { blockedAt = 0, freedAt = 0 } = await tell(child, { blockMs });
    await pause(1_500);
    isDone = true;
    await asking;
    await pause(TIMEOUT_MS);
    const answers = (list: readonly Sample[]) => (list.length === 0 ? undefined : answersOf(list, blockedAt, freedAt));
    return {
      kind: subject.kind,
      http: answers(samples.http),
      grpc: answers(samples.grpc),
      ownP99Ms: quantile(late, 0.99),
    };
  } finally {
    isDone = true;
    agent.destroy();
    peer?.close();
    await end(child);
  }
}

async function sample(samples: Sample[], ask: () => Promise<Sample["status"]>): Promise<void> {
  const sentAt = now();
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<"no answer">((resolve) => {
    timer = setTimeout(() => resolve("no answer"), TIMEOUT_MS);
  });
  const status = await Promise.race([ask(), timeout]);
  clearTimeout(timer);
  samples.push({ sentAt, latencyMs: now() - sentAt, status });
}

function askHttp(port: number, path: string, agent: Agent): Promise<Sample["status"]> {
  return new Promise((resolve) => {
    const sent = request({ port, host: "127.0.0.1", path, agent, timeout: TIMEOUT_MS }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode === 200 ? "SERVING" : "NOT_SERVING"));
    });
    sent.on("timeout", () => sent.destroy()).on("error", () => resolve("no answer"));
    sent.end();
  });
}

async function askGrpc(peer: GrpcPeer): Promise<Sample["status"]> {
  const { code, status } = await peer.check("a");
  if (code !== 0) return "no answer";
  return status === 1 ? "SERVING" : "NOT_SERVING";
}

function answersOf(samples: readonly Sample[], blockedAt: number, freedAt: number): Answers {
  const during = samples.filter(({ sentAt }) => sentAt >= blockedAt && sentAt < freedAt - TIMEOUT_MS);
  const answered = during.filter(({ status }) => status !== "no answer");
  const latencies = answered.map(({ latencyMs }) => latencyMs);
  const at = (status: Sample["status"], from: number) => {
    const times = samples.filter((each) => each.sentAt >= from && each.status === status);
    return times.length === 0 ? undefined : Math.min(...times.map(({ sentAt, latencyMs }) => sentAt + latencyMs));
  };
  const [down, up] = [at("NOT_SERVING", blockedAt), at("SERVING", freedAt)];
  return {
    requests: during.length,
    answered: answered.length,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    maxMs: quantile(latencies, 1),
    turnedAfterMs: down === undefined ? undefined : down - blockedAt,
    backAfterMs: up === undefined ? undefined : up - freedAt,
  };
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

/** What a subject costs. */
export interface Cost {
  readonly kind: string;
  readonly residentMB: number;
  readonly cpuMicrosecondsPerCheck: number;
  /** From `set` to the Watch message in another process, in milliseconds. */
  readonly changeP50Ms: number;
  readonly changeP99Ms: number;
}

/** Measures a subject at rest, under Checks one after the other, and with changes of its status. */
export async function measureCost(subject: Subject, checks: number, changes: number): Promise<Cost> {
  const { child, grpc } = await start(subject, 10_000);
  if (grpc === undefined) throw new Error(`${subject.kind} does not serve gRPC`);
  const peer = new GrpcPeer(grpc);
  try {
    await pause(1_000);
    const { rss = 0 } = await tell(child, { usage: true });
    const check = async (count: number) => {
      for (let done = 0; done < count; done += 16) await Promise.all(Array.from({ length: 16 }, () => peer.check("a")));
    };
    await check(2_000);
    const { cpuMs: before = 0 } = await tell(child, { usage: true });
    await check(checks);
    const { cpuMs: after = 0 } = await tell(child, { usage: true });
    const latencies = await changeLatencies(child, peer, changes);
    return {
      kind: subject.kind,
      residentMB: rss / 2 ** 20,
      cpuMicrosecondsPerCheck: ((after - before) * 1_000) / checks,
      changeP50Ms: quantile(latencies, 0.5),
      changeP99Ms: quantile(latencies, 0.99),
    };
  } finally {
    peer.close();
    await end(child);
  }
}

async function changeLatencies(child: ChildProcess, peer: GrpcPeer, changes: number): Promise<readonly number[]> {
  const watch = peer.watch("a");
  await watch.saw(1);
  const latencies: number[] = [];
  for (let change = 0; change < changes; change += 1) {
    const seen = once(watch.stream, "data").then(() => now());
    const { setAt = 0 } = await tell(child, { status: change % 2 === 0 ? "NOT_SERVING" : "SERVING" });
    latencies.push((await inTime(seen, "the change is seen")) - setAt);
    await pause(2);
  }
  return latencies;
}
