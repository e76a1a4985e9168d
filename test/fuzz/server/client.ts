/** A client that talks to the process under test: honestly, to see that an area works, or brokenly. */
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { eventually, pause } from "../../support/eventually.js";
import { RawPeer } from "../../support/raw-http2.js";
import type { SeededRandom } from "../../support/seeded-random.js";
import { type Answer, isComplete, readAnswers } from "../answers.js";
import type { Area, ValidConversation } from "./areas.js";
import { statusesIn } from "./http1.js";
import type { Listener } from "./names.js";

/** Where a process listens. */
interface Ports {
  port(listener: Listener): number;
}

function open(subject: Ports, { listener, protocol }: Area): RawPeer {
  const port = subject.port(listener);
  const options = { port, host: "127.0.0.1", noDelay: true };
  if (listener !== "tls") return new RawPeer(connectTcp(options));
  return new RawPeer(connectTls({ ...options, rejectUnauthorized: false, ALPNProtocols: [protocol] }));
}

/** Says a valid conversation and waits for every answer. Rejects when one is wrong or missing. */
export async function verifyAnswers(
  subject: Ports,
  area: Area,
  { protocol, calls, bytes }: ValidConversation,
): Promise<void> {
  const peer = open(subject, area);
  peer.write(bytes);
  try {
    const missing = () => (protocol === "h2" ? wrongAnswers(peer, calls) : wrongStatuses(peer, calls));
    const isDone = () => peer.closed || missing().every((problem) => !problem.startsWith("no answer"));
    await eventually(isDone, "every answer", 20_000).catch(() => {});
    const problems = missing();
    if (problems.length > 0) throw new Error(`a valid conversation failed: ${problems.join("; ")}`);
  } finally {
    peer.close();
  }
}

function wrongAnswers(peer: RawPeer, calls: ValidConversation["calls"]): readonly string[] {
  const answers = readAnswers(peer);
  return [...calls].flatMap(([stream, { label, right, watches }]) => {
    const answer = answers.get(stream);
    if (!isComplete(answer, watches)) return [`no answer to ${label}`];
    const summary = summaryOf(answer, watches);
    return right.includes(summary) ? [] : [`${label} was answered ${summary}, not ${right.join(" or ")}`];
  });
}

function summaryOf(answer: Answer | undefined, watches: boolean): string {
  if (answer === undefined) return "nothing";
  const { ":status": status, "grpc-status": code } = answer.fields;
  if (watches && !answer.ended) return "message";
  if (answer.reset !== undefined && !answer.ended) return `reset ${answer.reset}`;
  return code === undefined ? `http ${status}` : `grpc ${code}`;
}

function wrongStatuses(peer: RawPeer, calls: ValidConversation["calls"]): readonly string[] {
  const statuses = statusesIn(peer.received);
  return [...calls.values()].flatMap(({ label, right }, index) => {
    const status = statuses[index];
    if (status === undefined) return [`no answer to ${label}`];
    return right.includes(status) ? [] : [`${label} was answered ${status}, not ${right.join(" or ")}`];
  });
}

/** Says something broken, and leaves: with the end of the stream, with a reset, at once or later, reading or not. */
export async function sendBroken(subject: Ports, area: Area, bytes: Buffer, random: SeededRandom): Promise<void> {
  const peer = open(subject, area);
  if (random.next() < 0.1) peer.socket.pause();
  const isOneWrite = random.next() < 0.6;
  for (let at = 0; at < bytes.length && !peer.closed; ) {
    const length = isOneWrite ? bytes.length : 1 + Math.floor(random.next() * 400);
    peer.write(bytes.subarray(at, at + length));
    at += length;
    if (random.next() < 0.3) await new Promise(setImmediate);
  }
  await pause(random.pick([0, 2, 10, 40]));
  await leave(peer.socket, random);
}

async function leave(socket: Socket, random: SeededRandom): Promise<void> {
  const chance = random.next();
  if (chance < 0.3) {
    socket.end();
    await pause(random.pick([1, 20]));
  } else if (chance < 0.6 && !("encrypted" in socket)) {
    socket.resetAndDestroy();
  }
  socket.destroy();
}
