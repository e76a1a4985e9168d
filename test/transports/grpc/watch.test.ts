/** One Watch stream over a real registry, with a call and an event loop that the test moves. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Registry } from "../../../src/registry/registry.js";
import { FanOut } from "../../../src/transports/grpc/fan-out.js";
import { WatchStream } from "../../../src/transports/grpc/watch.js";
import { VirtualClock } from "../../support/virtual-clock.js";
import { FakeCall, Turns } from "./fake-call.js";

function open(service = "a") {
  const registry = new Registry({ clock: new VirtualClock(), instance: "test" });
  const turns = new Turns();
  const call = new FakeCall();
  const stream = new WatchStream(registry, service, new FanOut(turns.defer), call);
  /** Lets the loop turn and the reader read until nothing is left to say. */
  const readAll = () => {
    for (turns.all(); call.busy; turns.all()) call.makeRoom();
  };
  return { registry, turns, call, stream, readAll };
}

describe("a Watch stream", () => {
  test("says the present status first, in a later turn [A25, A26]", () => {
    const { turns, call } = open("");
    assert.deepEqual(call.heard, []);
    turns.all();
    assert.deepEqual(call.heard, [1]);
    const unknown = open("nobody");
    unknown.turns.all();
    assert.deepEqual(unknown.call.heard, [3]);
  });

  test("says each change to a reader that keeps up, in order [A27, A35]", () => {
    const { registry, call, readAll } = open();
    readAll();
    for (const status of ["NOT_SERVING", "SERVING", "UNKNOWN"] as const) {
      registry.set("a", status);
      readAll();
    }
    registry.clear("a");
    readAll();
    assert.deepEqual(call.heard, [3, 2, 1, 0, 3]);
  });

  test("says nothing when nothing changed [A28]", () => {
    const { registry, turns, call, readAll } = open();
    registry.set("a", "SERVING");
    readAll();
    registry.set("a", "SERVING");
    registry.set("other", "SERVING");
    assert.equal(turns.waiting, 0);
    readAll();
    assert.deepEqual(call.heard, [1]);
  });

  test("says nothing when a change was taken back before it was told [A29]", () => {
    const { registry, call, readAll } = open();
    registry.set("a", "SERVING");
    readAll();
    registry.set("a", "NOT_SERVING");
    registry.set("a", "SERVING");
    readAll();
    assert.deepEqual(call.heard, [1]);
  });

  test("the first message is the newest when changes came before its turn", () => {
    const { registry, call, readAll } = open();
    registry.set("a", "NOT_SERVING");
    registry.set("a", "SERVING");
    readAll();
    assert.deepEqual(call.heard, [1]);
  });

  test("tells a reader that stood still the message in run and the newest [A43]", () => {
    const { registry, turns, call, readAll } = open();
    turns.all();
    for (let flip = 0; flip < 10_000; flip += 1) {
      registry.set("a", flip % 2 === 0 ? "NOT_SERVING" : "UNKNOWN");
      turns.all();
    }
    registry.set("a", "SERVING");
    turns.all();
    assert.deepEqual(call.heard, [3]);
    readAll();
    assert.deepEqual(call.heard, [3, 1]);
  });

  test("tells a reader that stood still nothing when all is as it was [A44]", () => {
    const { registry, turns, call, readAll } = open();
    turns.all();
    registry.set("a", "SERVING");
    turns.all();
    registry.clear("a");
    turns.all();
    readAll();
    assert.deepEqual(call.heard, [3]);
  });

  test("is told anew after a standstill", () => {
    const { registry, turns, call, readAll } = open();
    turns.all();
    registry.set("a", "SERVING");
    readAll();
    registry.set("a", "NOT_SERVING");
    readAll();
    assert.deepEqual(call.heard, [3, 1, 2]);
  });
});

describe("a Watch stream that the server ends", () => {
  test("says the newest status and then the code", () => {
    const { registry, call, stream, readAll } = open();
    readAll();
    registry.set("a", "NOT_SERVING");
    stream.end("UNAVAILABLE", "server is shutting down");
    assert.deepEqual(call.heard, [3, 2, "UNAVAILABLE: server is shutting down"]);
  });

  test("says the first status even when its turn had not come", () => {
    const { call, stream } = open();
    stream.end("UNAVAILABLE", "x");
    assert.deepEqual(call.heard, [3, "UNAVAILABLE: x"]);
  });

  test("says no status twice", () => {
    const { call, stream, readAll } = open();
    readAll();
    stream.end("UNAVAILABLE", "x");
    assert.deepEqual(call.heard, [3, "UNAVAILABLE: x"]);
  });

  test("doesn't wait for a reader that stands still", () => {
    const { registry, turns, stream, call } = open();
    turns.all();
    registry.set("a", "NOT_SERVING");
    turns.all();
    stream.end("UNAVAILABLE", "x");
    const [first, ...rest] = call.heard;
    assert.equal(first, 3);
    assert.deepEqual(rest.slice(-2), [2, "UNAVAILABLE: x"]);
  });

  test("says nothing after its end, and is watching no more", () => {
    const { registry, turns, call, stream, readAll } = open();
    readAll();
    stream.end("UNAVAILABLE", "x");
    stream.end("UNAVAILABLE", "again");
    stream.close();
    registry.set("a", "SERVING");
    assert.equal(turns.waiting, 0);
    readAll();
    assert.deepEqual(call.heard, [3, "UNAVAILABLE: x"]);
    assert.deepEqual([registry.watcherCount, registry.watchedNameCount], [0, 0]);
  });
});

describe("a Watch stream whose client has gone", () => {
  test("leaves nothing behind [A38, A40]", () => {
    const { registry, stream, readAll } = open();
    readAll();
    assert.deepEqual([registry.watcherCount, registry.watchedNameCount], [1, 1]);
    stream.close();
    stream.close();
    assert.deepEqual([registry.watcherCount, registry.watchedNameCount], [0, 0]);
  });

  test("is not written to, neither by a flush that waited nor by room that came late [A39]", () => {
    const { registry, turns, call, stream } = open();
    turns.all();
    registry.set("a", "SERVING");
    stream.close();
    call.makeRoom();
    turns.all();
    stream.end("UNAVAILABLE", "x");
    assert.deepEqual(call.heard, [3]);
  });

  test("is not written to when it went before its first turn", () => {
    const { turns, call, stream } = open();
    stream.close();
    turns.all();
    assert.deepEqual(call.heard, []);
  });
});
