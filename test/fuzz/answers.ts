/** What a server answers to a conversation, stream by stream. */
import { HpackDecoder } from "../../src/wire/http2/hpack-decoder.js";
import { eventually } from "../support/eventually.js";
import { FLAG, h2frame, RawPeer, TYPE } from "../support/raw-http2.js";
import type { SeededRandom } from "../support/seeded-random.js";
import type { Conversation } from "./conversation.js";

/** The answer on a stream. */
export interface Answer {
  fields: Record<string, string>;
  data: string;
  ended: boolean;
  reset: number | undefined;
}

const LAST_PING = Buffer.from("the last");

/** Sends a conversation to a server, its bytes cut at random, and collects the answers. */
export async function answersOf(port: number, { requests, bytes }: Conversation, random: SeededRandom) {
  const peer = new RawPeer(port);
  try {
    for (let at = 0; at < bytes.length; ) {
      const length = random.next() < 0.5 ? bytes.length : 1 + Math.floor(random.next() * 300);
      peer.write(bytes.subarray(at, at + length));
      at += length;
      if (random.next() < 0.3) await new Promise(setImmediate);
    }
    const isHeard = () => {
      const answers = readAnswers(peer);
      return peer.closed || [...requests].every(([id, { watches }]) => isComplete(answers.get(id), watches));
    };
    await eventually(isHeard, `answers to all of ${bytes.toString("hex")}`, 20_000);
    // what else there is to say has come when this is answered
    peer.write(h2frame(TYPE.PING, 0, 0, LAST_PING));
    const isAnswered = () =>
      peer.closed ||
      peer
        .frames()
        .some(({ type, flags, payload }) => type === TYPE.PING && flags === FLAG.ACK && payload.equals(LAST_PING));
    await eventually(isAnswered, "the last PING is answered", 20_000);
    return { answers: readAnswers(peer), goAway: peer.frames().some(({ type }) => type === TYPE.GOAWAY) };
  } finally {
    peer.close();
  }
}

/** A Watch has had its first message, or has ended as any other. */
export function isComplete(answer: Answer | undefined, watches: boolean): boolean {
  if (answer === undefined) return false;
  return answer.ended || answer.reset !== undefined || (watches && answer.data.length >= 10);
}

export function readAnswers(peer: RawPeer): Map<number, Answer> {
  const decoder = new HpackDecoder();
  const answers = new Map<number, Answer>();
  for (const { type, flags, stream, payload } of peer.frames()) {
    if (type !== TYPE.HEADERS && type !== TYPE.DATA && type !== TYPE.RST_STREAM) continue;
    const answer = answers.get(stream) ?? { fields: {}, data: "", ended: false, reset: undefined };
    answers.set(stream, answer);
    if (type === TYPE.RST_STREAM) answer.reset ??= payload.readUInt32BE(0);
    else if (type === TYPE.DATA) answer.data += payload.toString("hex");
    else {
      const { fields } = decoder.decode(payload);
      for (let at = 0; at < fields.length; at += 2) answer.fields[fields[at] ?? ""] = fields[at + 1] ?? "";
    }
    if (type !== TYPE.RST_STREAM && (flags & FLAG.END_STREAM) !== 0) answer.ended = true;
  }
  return answers;
}
