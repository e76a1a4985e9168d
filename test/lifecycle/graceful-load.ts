/** Clients that call an application without a pause while it gets a SIGTERM, and what they see. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, get } from "node:http";
import { fileURLToPath } from "node:url";
import { eventually, inTime, pause } from "../support/eventually.js";
import { frame, GrpcPeer } from "../support/grpc-peer.js";
import { notOutlive } from "../support/not-outlive.js";

/** What answers the Checks. */
export const LOADED_SERVERS = ["addToServer", "native", "grpc-js"] as const;

/** The timer of the program starts after the signal was sent. */
const LATE_MS = 50;
const CLIENTS = 4;
/** Open calls of each kind of a client. A machine that is too slow for the rate gets fewer calls. */
const MAX_OPEN = 20;
const LEAD_MS = 500;

export interface GracefulLoad {
  readonly server: (typeof LOADED_SERVERS)[number];
  /** Checks a second, over all clients; the application gets a quarter as many calls, over HTTP and over gRPC. */
  readonly checksPerSecond: number;
  readonly drainDelayMs: number;
}

/** What was seen. */
export interface GracefulLoadReport {
  /** Calls that succeeded: before the signal, and in the drain delay. */
  readonly calls: readonly [number, number];
  /** What failed in the drain delay or before, and when: milliseconds after the signal. */
  readonly failures: readonly (readonly [number, string])[];
  /** The statuses of the Checks. */
  readonly statuses: ReadonlySet<number>;
  /** How the process ended. */
  readonly signal: unknown;
  /** What the shutdown logged. */
  readonly output: string;
}

/** Starts the program, calls it, sends the signal, and waits for its end. */
export async function runGracefulLoad({
  server,
  checksPerSecond,
  drainDelayMs,
}: GracefulLoad): Promise<GracefulLoadReport> {
  const file = fileURLToPath(new URL("loaded-program.ts", import.meta.url));
  const args = ["--import", "tsx", file, server, String(drainDelayMs)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  notOutlive(child, () => child.kill("SIGKILL"));
  const agent = new Agent({ keepAlive: true });
  const peers: GrpcPeer[] = [];
  try {
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
    await eventually(() => output.includes("ports "), "it listens");
    const [, httpPort = 0, appPort = 0, checkPort = 0] = /ports (\d+) (\d+) (\d+)/.exec(output)?.map(Number) ?? [];
    const load = new Load(drainDelayMs - LATE_MS);
    for (let client = 0; client < CLIENTS; client += 1) {
      const [checks, calls] = [new GrpcPeer(checkPort), new GrpcPeer(appPort)];
      peers.push(checks, calls);
      const perSecond = checksPerSecond / CLIENTS;
      load.callEvery(1_000 / perSecond, () => check(checks, load.statuses));
      load.callEvery(4_000 / perSecond, () => requireOk(calls));
      for (const path of ["/orders", "/healthcheck"])
        load.callEvery(4_000 / perSecond, () => request(httpPort, path, agent));
    }
    await pause(LEAD_MS);
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const [before, during, failures] = await load.onSignal();
    const [, signal] = await inTime(ended, "the process ends");
    return { calls: [before, during], failures, statuses: load.statuses, signal, output };
  } finally {
    child.kill("SIGKILL");
    agent.destroy();
    for (const peer of peers) peer.close();
  }
}

/** Open-loop load: a slow answer does not slow down the clients. */
class Load {
  readonly statuses = new Set<number>();
  readonly #untilMs: number;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #open = new Set<Promise<void>>();
  readonly #failures: [number, string][] = [];
  #calls = 0;
  #signalAt = Number.POSITIVE_INFINITY;

  constructor(untilMs: number) {
    this.#untilMs = untilMs;
  }

  callEvery(ms: number, call: () => Promise<unknown>): void {
    const startedAt = performance.now();
    let sent = 0;
    // a timer that comes late sends what is due
    const open = new Set<Promise<void>>();
    const send = () => {
      for (const due = (performance.now() - startedAt) / ms; sent < due; sent += 1)
        if (open.size < MAX_OPEN) this.#send(call, open);
    };
    this.#timers.push(setInterval(send, Math.max(ms, 4)));
  }

  /** Goes on until the drain delay is over, and waits for the open calls. Returns the calls before and after the signal. */
  async onSignal(): Promise<[number, number, readonly (readonly [number, string])[]]> {
    this.#signalAt = performance.now();
    const before = this.#calls;
    await pause(this.#untilMs);
    for (const timer of this.#timers) clearInterval(timer);
    await inTime(Promise.all(this.#open), "the open calls end");
    return [before, this.#calls - before, this.#failures];
  }

  #send(call: () => Promise<unknown>, open: Set<Promise<void>>): void {
    // sent after the delay: such a call may fail
    if (performance.now() > this.#signalAt + this.#untilMs) return;
    const ended = call().then(
      () => {
        this.#calls += 1;
      },
      (error: unknown) => {
        const afterMs = Math.round(performance.now() - this.#signalAt);
        // later, the server is closed: what the system has not delivered to it until then is reset
        if (afterMs < this.#untilMs) this.#failures.push([afterMs, String(error)]);
      },
    );
    open.add(ended);
    this.#open.add(ended);
    void ended.then(() => open.delete(ended) && this.#open.delete(ended));
  }
}

async function check(peer: GrpcPeer, statuses: Set<number>): Promise<void> {
  const { code, status, end } = await peer.check("");
  if (code !== 0) throw new Error(`Check ended with ${code}, RST ${end.rstCode}`);
  statuses.add(status);
}

async function requireOk(peer: GrpcPeer): Promise<void> {
  const { code, rstCode } = await peer.call("/acme.Orders/Get", frame(Buffer.alloc(0)));
  if (code !== 0) throw new Error(`a call of the application ended with ${code}, RST ${rstCode}`);
}

function request(port: number, path: string, agent: Agent): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get({ port, path, agent, host: "127.0.0.1" }, (response) => {
      response
        .resume()
        .once("end", () => resolve(response.statusCode))
        .once("error", reject);
    }).once("error", reject);
  });
}
