/** The lines of changes: when they wait for a reason, and when not. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ChangeLines } from "../../../src/cli/watch/change-lines.js";

const DETAILS = { status: "NOT_SERVING", since: 0, reason: "timeout", degraded: false };

function changeLines() {
  const lines: string[] = [];
  const reader = { isBehind: false };
  const write = (line: string) => void lines.push(line);
  const changes = new ChangeLines({ addr: "a:1", isJson: false, write, hasRoom: () => !reader.isBehind });
  const { listener } = changes;
  listener.onConnected();
  return { changes, reader, listener, texts: () => lines.map((line) => line.replace(/^\S+ {2}/, "")) };
}

describe("the lines of changes", () => {
  test("a line waits for its reason", () => {
    const { listener, texts } = changeLines();
    listener.onStatus("a", "NOT_SERVING", true);
    assert.deepEqual(texts(), ["connected"]);
    listener.onDetails("a", DETAILS);
    assert.deepEqual(texts(), ["connected", "NOT_SERVING      a  (timeout)"]);
  });

  test("without a reason in time, the line comes without it", () => {
    const { listener, texts } = changeLines();
    listener.onStatus("a", "NOT_SERVING", true);
    listener.onDetails("a", undefined);
    assert.deepEqual(texts(), ["connected", "NOT_SERVING      a"]);
  });

  test("the next status does not wait behind a reason, and no status is left out", () => {
    const { listener, texts } = changeLines();
    listener.onStatus("a", "NOT_SERVING", true);
    listener.onStatus("a", "SERVING", true);
    listener.onDetails("a", { ...DETAILS, status: "SERVING", reason: undefined });
    assert.deepEqual(texts(), ["connected", "NOT_SERVING      a", "SERVING          a  (was NOT_SERVING)"]);
  });

  test("the loss of the connection does not swallow a line that waits", () => {
    const { listener, texts } = changeLines();
    listener.onStatus("a", "NOT_SERVING", true);
    listener.onDisconnected("refused");
    listener.onDisconnected("refused");
    listener.onDisconnected("timeout");
    assert.deepEqual(texts(), ["connected", "NOT_SERVING      a", "disconnected: refused", "disconnected: timeout"]);
  });

  test("a status that is known again has a line, also if it has not changed", () => {
    const { listener, texts } = changeLines();
    listener.onStatus("a", "SERVING", false);
    listener.onDisconnected("refused");
    listener.onConnected();
    listener.onStatus("a", "SERVING", false);
    listener.onConnected(); // after GOAWAY
    assert.deepEqual(texts(), [
      ...["connected", "SERVING          a", "disconnected: refused", "connected", "SERVING          a"],
    ]);
  });

  test("the cause of a loss controls no terminal", () => {
    const { listener, texts } = changeLines();
    listener.onDisconnected("\u001b[2J");
    listener.onStatus("a", "\u001b[2J", false);
    assert.deepEqual(texts().slice(1), ["disconnected: \\u001b[2J", "\\u001b[2J             a"]);
  });

  test("while the reader is behind, the newest line of each service waits", () => {
    const { changes, reader, listener, texts } = changeLines();
    listener.onStatus("a", "SERVING", false);
    reader.isBehind = true;
    for (let round = 0; round < 1_000; round += 1) {
      listener.onStatus("a", "NOT_SERVING", true);
      listener.onDetails("a", DETAILS);
      listener.onStatus("a", "UNKNOWN", false);
    }
    listener.onStatus("b", "SERVING", true);
    listener.onDetails("b", undefined);
    listener.onStatus("c", "SERVING", true);
    assert.deepEqual(texts(), ["connected", "SERVING          a"]);
    reader.isBehind = false;
    changes.resume();
    assert.deepEqual(texts().slice(2), ["UNKNOWN          a  (was SERVING)", "SERVING          b"]);
    changes.resume();
    assert.equal(texts().length, 4, "nothing is written twice");
  });

  test("after a loss of the connection, a reader that was behind gets no status from before", () => {
    const { changes, reader, listener, texts } = changeLines();
    reader.isBehind = true;
    listener.onStatus("a", "SERVING", false);
    listener.onDisconnected("refused");
    reader.isBehind = false;
    changes.resume();
    assert.deepEqual(texts(), ["connected", "disconnected: refused"]);
  });
});
