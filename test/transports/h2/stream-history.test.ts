/** What is known of streams that are not open: RFC 9113, sections 5.1 and 5.1.1. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { StreamHistory } from "../../../src/transports/h2/stream-history.js";
import { ConnectionError } from "../../../src/wire/http2/frames.js";

function historyOf(...streamIds: readonly number[]): StreamHistory {
  const history = new StreamHistory();
  for (const streamId of streamIds) history.open(streamId);
  return history;
}

const fault = (code: string) => (error: unknown) => error instanceof ConnectionError && error.code === code;

test("a stream that has ended is closed", () => {
  assert.throws(() => historyOf(1, 3, 5).requireExcuse(3, "DATA"), fault("STREAM_CLOSED"));
});

test("a skipped identifier below the last one was never a stream", () => {
  assert.throws(() => historyOf(1, 5).requireExcuse(3, "HEADERS"), fault("PROTOCOL_ERROR"));
  assert.throws(() => historyOf(1, 5).requireExcuse(5, "HEADERS"), fault("STREAM_CLOSED"), "the last one was");
});

for (const streamId of [0, 2, 7, 8])
  test(`stream ${streamId} was never opened if the last is 5`, () => {
    assert.throws(() => historyOf(1, 3, 5).requireNotIdle(streamId, "DATA"), fault("PROTOCOL_ERROR"));
  });

test("on a stream that we have reset or refused, the client may still send", () => {
  const history = historyOf(1, 3, 5);
  history.reset(3);
  history.requireExcuse(3, "DATA");
  history.serveUpTo(3);
  history.requireExcuse(5, "DATA");
  assert.throws(() => history.requireExcuse(1, "DATA"), fault("STREAM_CLOSED"));
  assert.deepEqual([history.lastId, history.lastServed, history.serves(5), history.serves(3)], [5, 3, false, true]);
  history.serveUpTo(4);
  assert.equal(history.lastServed, 3, "what was refused once is not taken back");
});

test("the last 1,024 streams that we have reset are known", () => {
  const streamIds = Array.from({ length: 1_025 }, (_, index) => 2 * index + 1);
  const history = historyOf(...streamIds);
  for (const streamId of streamIds) history.reset(streamId);
  assert.throws(() => history.requireExcuse(1, "DATA"), fault("STREAM_CLOSED"));
  history.requireExcuse(3, "DATA");
});
