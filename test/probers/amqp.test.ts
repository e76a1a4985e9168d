/** The AMQP prober: what a broker says, and what that means. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { longText, methodFrame, shortText, table } from "../../src/probers/amqp-frames.js";
import { openTarget } from "../../src/probers/schemes.js";
import { probe } from "./probing.js";
import { rawTarget } from "./targets.js";

const START = methodFrame(
  0,
  [10, 10],
  Buffer.from([0, 9]),
  table({ product: "b" }),
  longText("PLAIN"),
  longText("en_US"),
);
const TUNE = methodFrame(0, [10, 30], Buffer.from([0, 7, 0, 2, 0, 0, 0, 60]));
const OPEN_OK = methodFrame(0, [10, 41], shortText(""));
const CHANNEL_OK = methodFrame(1, [20, 11], longText(""));
const CLOSE_OK = methodFrame(1, [20, 41]);
const HEARTBEAT = Buffer.from([8, 0, 0, 0, 0, 0, 0, 0xce]);
const close = (method: readonly [number, number], code: number, text: string) =>
  methodFrame(0, method, Buffer.from([code >> 8, code & 255]), shortText(text), Buffer.alloc(4));

/** The verdict about a broker that sends one of `answers` for each write of the client, and what the client wrote. */
async function verdictOf(answers: readonly Buffer[], url = "amqp://me:se%20cret@127.0.0.1:PORT/v%2Fhost") {
  let written = "";
  const target = await rawTarget((socket: Socket) => {
    let at = 0;
    socket.on("data", (bytes) => {
      written += bytes.toString("latin1");
      // TuneOk and Open come in two writes, which may be read as one
      const next = answers[at];
      at += 1;
      if (next === undefined) socket.end();
      else socket.write(next);
    });
    socket.on("end", () => socket.destroy());
  });
  const prober = openTarget(url.replace("PORT", String(target.port)), undefined, { reuse: false });
  const { outcome, reason, detail } = await probe(prober);
  prober.close();
  await target.stop();
  return { verdict: reason === undefined ? outcome : `${outcome} ${reason}`, detail, written };
}

test("a broker that lets us in and opens a channel passes; the login has the name, the password and the virtual host", async () => {
  const all = Buffer.concat([HEARTBEAT, TUNE]);
  const { verdict, written } = await verdictOf([START, all, Buffer.concat([OPEN_OK, CHANNEL_OK, CLOSE_OK])]);
  assert.equal(verdict, "pass");
  for (const part of [
    "AMQP\0\0\x09\x01",
    "PLAIN",
    "\0me\0se cret",
    "\x06v/host",
    "\x01authentication_failure_close".slice(1),
  ])
    assert.ok(written.includes(part), part);
  assert.ok(written.includes("\0\x07\0\0\x20\0\0\0"), "frames of at most 8,192 bytes, and no heartbeats");
});

test("the methods of a broker may come in parts of any size", async () => {
  const target = await rawTarget((socket: Socket) => {
    socket.once("data", () => {
      for (const byte of Buffer.concat([START, TUNE, OPEN_OK, CHANNEL_OK, CLOSE_OK])) socket.write(Buffer.from([byte]));
    });
  });
  const prober = openTarget(`amqp://127.0.0.1:${target.port}`);
  assert.equal((await probe(prober)).outcome, "pass");
  prober.close();
  await target.stop();
});

const REFUSALS: readonly (readonly [label: string, answers: readonly Buffer[], verdict: string])[] = [
  ["a refused login", [START, close([10, 50], 403, "ACCESS_REFUSED")], "fail auth"],
  ["an unknown virtual host", [START, TUNE, close([10, 50], 530, "NOT_ALLOWED")], "fail answer"],
  ["a broker that shuts down", [START, TUNE, close([10, 50], 320, "CONNECTION_FORCED")], "fail unavailable"],
  ["a refused channel", [START, TUNE, Buffer.concat([OPEN_OK, close([20, 40], 504, "CHANNEL_ERROR")])], "fail answer"],
  ["a close without a code", [START, methodFrame(0, [10, 50])], "fail protocol"],
  ["another version", [Buffer.from("AMQP\0\0\x08\0")], "fail protocol"],
  ["a question that is not PLAIN", [START, methodFrame(0, [10, 20], longText("more"))], "fail protocol"],
  ["the same method twice", [START, START], "fail protocol"],
  ["a short Tune", [START, methodFrame(0, [10, 30], Buffer.alloc(3))], "fail protocol"],
  ["a frame without its end", [Buffer.from([1, 0, 0, 0, 0, 0, 4, 0, 10, 0, 10, 0])], "fail protocol"],
  ["an end after the login", [START], "fail closed"],
];
for (const [label, answers, expected] of REFUSALS)
  test(`${label} is ${expected}`, async () => assert.equal((await verdictOf(answers)).verdict, expected));

test("a virtual host that is too long, and a NUL in the password, are refused when the check is declared", () => {
  assert.throws(() => openTarget(`amqp://h/${"x".repeat(256)}`), /a virtual host must have at most 255 bytes/);
  assert.throws(() => openTarget("amqp://me:a%00b@h"), /must not contain a NUL character/);
});
