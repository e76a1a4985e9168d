/** What a server can make the conformance tool store: a server need not respect a window. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { testedServer } from "../../src/cli/conformance-server.js";
import { TargetSocket } from "../../src/client/target-socket.js";
import { FrameConnection } from "../../src/conformance/frame-connection.js";
import { StreamAnswer } from "../../src/conformance/stream-answer.js";
import { systemClock } from "../../src/core/clock.js";
import { CONTINUATION, DATA, frameOf, HEADERS, PING, SETTINGS } from "../../src/wire/http2/frames.js";
import { rawTarget } from "../probers/targets.js";

const KINDS: readonly (readonly [string, Buffer])[] = [
  ["DATA", frameOf(DATA, 0, 1, Buffer.alloc(16_384))],
  ["DATA on many streams", Buffer.concat([1, 3, 5].map((id) => frameOf(DATA, 0, id, Buffer.alloc(16_384, 0xff))))],
  ["unknown frames", frameOf(0x63, 0, 0, Buffer.alloc(16_384))],
  ["PING", frameOf(PING, 0, 0, Buffer.alloc(8))],
  ["CONTINUATION", frameOf(CONTINUATION, 0, 1, Buffer.alloc(0))],
];

for (const [name, frame] of KINDS)
  test(`a flood of ${name} ends the connection within 16 MiB`, async () => {
    let sent = 0;
    const target = await rawTarget((socket) => {
      socket.on("error", () => {});
      socket.write(frameOf(SETTINGS, 0, 0, Buffer.alloc(0)));
      if (name === "CONTINUATION") socket.write(frameOf(HEADERS, 0, 1, Buffer.from([0x88])));
      const flood = () => {
        while (!socket.destroyed && sent < 64 * 1024 * 1024) {
          sent += frame.length;
          if (!socket.write(frame)) return void socket.once("drain", flood);
        }
      };
      flood();
    });
    const server = await testedServer(`127.0.0.1:${target.port}`, new Map());
    const socket = new TargetSocket(server.socket, server.answerMs);
    const connection = new FrameConnection(socket, systemClock);
    connection.greet();
    await connection.until(() => connection.end !== undefined, 10_000);
    connection.close();
    await target.stop();
    assert.match(connection.end ?? "", /^the server violates HTTP\/2/);
    assert.ok(sent < 16 * 1024 * 1024, `${sent} octets were sent`);
  });

test("a message in many frames is joined, and messages are cut where they end", () => {
  const answer = new StreamAnswer();
  const message = Buffer.concat([Buffer.from([0, 0, 0, 0, 2, 8, 1]), Buffer.from([1, 0, 0, 0, 3, 7, 7, 7])]);
  for (const byte of message) answer.receiveData(Buffer.from([byte]), false);
  answer.receiveData(Buffer.concat([message, message.subarray(0, 6)]), true);
  const shown = answer.messages.map(({ flag, bytes }) => `${flag} ${bytes.toString("hex")}`);
  assert.deepEqual(shown, ["0 0801", "1 070707", "0 0801", "1 070707"]);
  assert.equal(answer.dataBytes, 2 * message.length + 6);
});
