/**
 * Reads the beginning of a connection until its meaning is known, and puts back what follows.
 *
 *     first byte in time, the rest in as much time again --> judge(all bytes so far) --+--> "more": wait
 *                                                                                      +--> rule: refused
 *                                                                                      '--> take n bytes, put back the rest
 *
 * A client that connects and sends nothing costs one socket until the first timeout.
 */
import type { Socket } from "node:net";
import type { Clock } from "../core/clock.js";

/** What the bytes so far mean: more are needed, a rule is broken, or `taken` of them are a whole beginning. */
export type Judgement<Rule> = "more" | { readonly rule: Rule } | { readonly taken: number; readonly next: () => void };

export interface FirstBytesOptions<Rule> {
  readonly clock: Clock;
  /** Milliseconds for the first byte, and again for the rest. */
  readonly timeoutMs: number;
  /** The rules that a timeout breaks, and the end of the stream after some bytes. Default of `cut`: the end breaks no rule. */
  readonly rules: { readonly silent: Rule; readonly unfinished: Rule; readonly cut?: Rule };
  readonly judge: (bytes: Buffer) => Judgement<Rule>;
  /** Called with the name of the rule that the connection broke. */
  readonly onRefused: (rule: Rule) => void;
}

/**
 * Waits for the first bytes of a connection. Releases everything before `next` or `onRefused` is called, and when the socket
 * closes. A connection that ends without a byte is closed: a TCP probe connects and closes, and breaks no rule.
 */
export function readFirstBytes<Rule>(
  socket: Socket,
  { clock, timeoutMs, rules, judge, onRefused }: FirstBytesOptions<Rule>,
): void {
  let received: Buffer = Buffer.alloc(0);
  let cancelTimer = clock.setTimer(timeoutMs, () => refuse(rules.silent));

  const release = () => {
    cancelTimer();
    socket.off("readable", onReadable);
    socket.off("end", onEnd);
    socket.off("close", release);
  };
  const refuse = (rule: Rule) => {
    release();
    onRefused(rule);
  };
  const onEnd = () => {
    if (rules.cut !== undefined && received.length > 0) return refuse(rules.cut);
    release();
    socket.destroy();
  };
  const onReadable = () => {
    const bytes: Buffer | null = socket.read();
    if (bytes === null) return; // the end of the stream: `end` follows
    if (received.length === 0) {
      cancelTimer();
      cancelTimer = clock.setTimer(timeoutMs, () => refuse(rules.unfinished));
    }
    received = Buffer.concat([received, bytes]);
    const judgement = judge(received);
    if (judgement === "more") return;
    if ("rule" in judgement) return refuse(judgement.rule);
    release();
    const rest = received.subarray(judgement.taken);
    if (rest.length > 0) socket.unshift(rest);
    judgement.next();
  };
  socket.on("readable", onReadable);
  socket.on("end", onEnd);
  socket.on("close", release);
}
