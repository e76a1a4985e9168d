/**
 * What abuse of xDS costs an honest subscriber: the time from a change to its arrival, and the memory of the server.
 *
 *     500 streams that never read  |  streams that NACK at full speed  |  10,000 instances that flap  |  200 reconnects
 *                                        the honest one: flip --> response, again and again
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { eventually, pause } from "../support/eventually.js";
import { frame, GrpcPeer } from "../support/grpc-peer.js";
import { ADS, TYPES, writeDiscoveryRequest } from "../support/xds-messages.js";
import type { ProgramFigures, ProgramOrder } from "./xds-program.js";

export interface AbuseResult {
  readonly abuse: string;
  readonly flips: number;
  readonly p99Ms: number;
  readonly rssMb: number;
  readonly figures: ProgramFigures;
}

/** One kind of abuse. It returns its end. */
type Abuse = (port: number, order: (order: ProgramOrder) => void) => () => void;

const STUCK_STREAMS = 500;
const RECONNECTS = 200;

const request = (names: readonly string[], more = {}) =>
  frame(writeDiscoveryRequest({ type_url: TYPES.eds, resource_names: names, ...more }));

function openPeers(port: number, count: number): { peers: readonly GrpcPeer[]; close: () => void } {
  const peers = Array.from({ length: count }, () => new GrpcPeer(port));
  return { peers, close: () => peers.forEach((peer) => void peer.close()) };
}

const openStuck: Abuse = (port) => {
  const { peers, close } = openPeers(port, STUCK_STREAMS / 20);
  for (const peer of peers)
    for (let count = 0; count < 20; count += 1) {
      const stream = peer.open(ADS).on("error", () => {});
      stream.pause();
      stream.write(request(["*"]));
    }
  return close;
};

const openNacking: Abuse = (port) => {
  const { peers, close } = openPeers(port, 8);
  let ended = false;
  for (const peer of peers) {
    const stream = peer.open(ADS).on("error", () => {});
    stream.resume().write(request(["s1"]));
    const nacks = Buffer.concat(
      Array(200).fill(request(["s1"], { response_nonce: "1", error_detail: { message: "no" } })),
    );
    const again = () => {
      if (!ended) stream.write(nacks, again);
    };
    again();
  }
  return () => {
    ended = true;
    close();
  };
};

const ABUSES: Readonly<Record<string, Abuse>> = {
  none: () => () => {},
  "500 streams that do not read, of all services": openStuck,
  "8 streams that NACK at full speed": openNacking,
  "10,000 instances that flap, before 20 subscribers of all": (port, order) => {
    const { peers, close } = openPeers(port, 20);
    for (const peer of peers) {
      const stream = peer.open(ADS).on("error", () => {});
      stream.resume().write(request(["*"]));
    }
    order({ flap: 1_000 });
    return () => {
      order({ flap: 0 });
      close();
    };
  },
  "200 clients that reconnect again and again": (port) => {
    let ended = false;
    let peers: readonly GrpcPeer[] = [];
    const again = () => {
      for (const peer of peers) peer.close();
      if (ended) return;
      peers = Array.from({ length: RECONNECTS / 10 }, () => new GrpcPeer(port));
      for (const peer of peers) {
        const stream = peer.open(ADS).on("error", () => {});
        stream.resume().write(request(["*"], { version_info: "17" }));
      }
      setTimeout(again, 100);
    };
    again();
    return () => {
      ended = true;
    };
  },
};

/** Runs each abuse for `ms`. */
export async function abuseXds(ms: number): Promise<readonly AbuseResult[]> {
  const program = fork(fileURLToPath(new URL("xds-program.ts", import.meta.url)), {
    execArgv: ["--import", "tsx"],
  });
  try {
    const { port } = await answerOf(program);
    const results: AbuseResult[] = [];
    for (const [abuse, open] of Object.entries(ABUSES)) {
      const end = open(port, (order) => program.send(order));
      await pause(1_000);
      const delays = await measure(program, port, ms);
      const answer = answerOf(program);
      program.send({ ask: "figures" } satisfies ProgramOrder);
      const figures = await answer;
      end();
      const p99Ms = Math.round(delays.sort((one, other) => one - other)[Math.floor(delays.length * 0.99)] ?? 0);
      results.push({ abuse, flips: delays.length, p99Ms, rssMb: Math.round(figures.rss / 2 ** 20), figures });
    }
    return results;
  } finally {
    program.kill();
  }
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
  stream.write(request(["honest"]));
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
