/** One Watch stream on a real registry, with a call and an event loop under control of the test. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Registry } from "../../../src/registry/registry.js";
import { FanOut } from "../../../src/transports/grpc/fan-out.js";
import { WatchStream } from "../../../src/transports/grpc/watch.js";
import { collectFaults } from "../../support/faults.js";
import { VirtualClock } from "../../support/virtual-clock.js";
import { FakeCall, Turns } from "./fake-call.js";

function open(service = "a") {
  const registry = new Registry({ clock: new VirtualClock(), instance: "test" });
  const turns = new Turns();
  const call = new FakeCall();
  const stream = new WatchStream(registry, service, new FanOut("test", turns.defer), call);
  /** Runs the event loop and the client until nothing is left to send. */
  const readAll = () => {
    for (turns.all(); call.busy; turns.all()) call.makeRoom();
  };
  return { registry, turns, call, stream, readAll };
}

describe("a Watch stream", () => {
  test("sends the current status first, in a later turn [A25, A26]", () => {
    const { turns, call } = open("");
    assert.deepEqual(call.received, []);
    turns.all();
    assert.deepEqual(call.received, [1]);
    const unknown = open("nobody");
    unknown.turns.all();
    assert.deepEqual(unknown.call.received, [3]);
  });

  test("sends each change in order to a client that reads [A27, A35]", () => {
    const { registry, call, readAll } = open();
    readAll();
    for (const status of ["NOT_SERVING", "SERVING", "UNKNOWN"] as const) {
      registry.set("a", status);
      readAll();
    }
    registry.clear("a");
    readAll();
    assert.deepEqual(call.received, [3, 2, 1, 0, 3]);
  });

  test("sends nothing without a change [A28]", () => {
    const { registry, turns, call, readAll } = open();
    registry.set("a", "SERVING");
    readAll();
    registry.set("a", "SERVING");
    registry.set("other", "SERVING");
    assert.equal(turns.waiting, 0);
    readAll();
    assert.deepEqual(call.received, [1]);
  });

  test("sends nothing when a change was undone before it was sent [A29]", () => {
    const { registry, call, readAll } = open();
    registry.set("a", "SERVING");
    readAll();
    registry.set("a", "NOT_SERVING");
    registry.set("a", "SERVING");
    readAll();
    assert.deepEqual(call.received, [1]);
  });

  test("sends the newest status first when changes came before its turn", () => {
    const { registry, call, readAll } = open();
    registry.set("a", "NOT_SERVING");
    registry.set("a", "SERVING");
    readAll();
    assert.deepEqual(call.received, [1]);
  });

  test("sends a client that did not read the message on its way and the newest [A43]", () => {
    const { registry, turns, call, readAll } = open();
    turns.all();
    for (let flip = 0; flip < 10_000; flip += 1) {
      registry.set("a", flip % 2 === 0 ? "NOT_SERVING" : "UNKNOWN");
      turns.all();
    }
    registry.set("a", "SERVING");
    turns.all();
    assert.deepEqual(call.received, [3]);
    readAll();
    assert.deepEqual(call.received, [3, 1]);
  });

  test("sends nothing more to a client that did not read when the status is the same again [A44]", () => {
    const { registry, turns, call, readAll } = open();
    turns.all();
    registry.set("a", "SERVING");
    turns.all();
    registry.clear("a");
    turns.all();
    readAll();
    assert.deepEqual(call.received, [3]);
  });

  test("sends changes again after a pause of the client", () => {
    const { registry, turns, call, readAll } = open();
    turns.all();
    registry.set("a", "SERVING");
    readAll();
    registry.set("a", "NOT_SERVING");
    readAll();
    assert.deepEqual(call.received, [3, 1, 2]);
  });
});

describe("a Watch stream that the server ends", () => {
  test("sends the newest status and then the code", () => {
    const { registry, call, stream, readAll } = open();
    readAll();
    registry.set("a", "NOT_SERVING");
    stream.end("UNAVAILABLE", "server is shutting down");
    assert.deepEqual(call.received, [3, 2, "UNAVAILABLE: server is shutting down"]);
  });

  test("sends the first status even if its turn had not come", () => {
    const { call, stream } = open();
    stream.end("UNAVAILABLE", "x");
    assert.deepEqual(call.received, [3, "UNAVAILABLE: x"]);
  });

  test("sends no status twice", () => {
    const { call, stream, readAll } = open();
    readAll();
    stream.end("UNAVAILABLE", "x");
    assert.deepEqual(call.received, [3, "UNAVAILABLE: x"]);
  });

  test("does not wait for a client that does not read", () => {
    const { registry, turns, stream, call } = open();
    turns.all();
    registry.set("a", "NOT_SERVING");
    turns.all();
    stream.end("UNAVAILABLE", "x");
    const [first, ...rest] = call.received;
    assert.equal(first, 3);
    assert.deepEqual(rest.slice(-2), [2, "UNAVAILABLE: x"]);
  });

  test("sends nothing after its end, and is no longer a watcher", () => {
    const { registry, turns, call, stream, readAll } = open();
    readAll();
    stream.end("UNAVAILABLE", "x");
    stream.end("UNAVAILABLE", "again");
    stream.close();
    registry.set("a", "SERVING");
    assert.equal(turns.waiting, 0);
    readAll();
    assert.deepEqual(call.received, [3, "UNAVAILABLE: x"]);
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

  test("is not written to by a waiting flush or by room that comes late [A39]", () => {
    const { registry, turns, call, stream } = open();
    turns.all();
    registry.set("a", "SERVING");
    stream.close();
    call.makeRoom();
    turns.all();
    stream.end("UNAVAILABLE", "x");
    assert.deepEqual(call.received, [3]);
  });

  test("is not written to when the client went before the first turn", () => {
    const { turns, call, stream } = open();
    stream.close();
    turns.all();
    assert.deepEqual(call.received, []);
  });
});

describe("a Watch stream whose engine throws", () => {
  const error = new Error("broken call");
  const fail = () => {
    throw error;
  };

  test("is ended with INTERNAL, so that its client does not take silence for health, and publishes the fault", (t) => {
    const faults = collectFaults(t, "test");
    const { registry, turns, call, readAll } = open();
    readAll();
    call.send = fail;
    registry.set("a", "NOT_SERVING");
    turns.all();
    assert.deepEqual(call.received, [3, "INTERNAL: internal error"]);
    assert.deepEqual(faults, [{ instance: "test", where: "watch stream", error }]);
    assert.deepEqual([registry.watcherCount, registry.watchedNameCount], [0, 0]);
  });

  test("also when it throws as it makes room for the next message", (t) => {
    const faults = collectFaults(t, "test");
    const { registry, turns, call } = open();
    turns.all();
    registry.set("a", "NOT_SERVING");
    turns.all();
    call.send = fail;
    call.makeRoom();
    assert.deepEqual([call.received, faults.length], [[3, "INTERNAL: internal error"], 1]);
  });

  test("does not throw either when its end throws as well", (t) => {
    const faults = collectFaults(t, "test");
    const { registry, turns, call } = open();
    call.send = fail;
    call.end = fail;
    turns.all();
    assert.deepEqual([registry.watcherCount, faults.length], [0, 2]);
  });

  test("does not stop the server from ending it", (t) => {
    const faults = collectFaults(t, "test");
    const { registry, call, stream } = open();
    call.end = fail;
    stream.end("UNAVAILABLE", "x");
    stream.end("UNAVAILABLE", "x");
    assert.deepEqual([call.received, registry.watcherCount, faults.length], [[3], 0, 1]);
  });
});
