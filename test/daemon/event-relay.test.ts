import assert from "node:assert/strict";
import { test } from "node:test";
import { publish } from "../../src/core/channels.js";
import { EventRelay } from "../../src/daemon/thread/event-relay.js";

test("a fault crosses to the other thread, whatever was thrown", () => {
  const unreadable = () => {
    throw new Error("a getter that throws");
  };
  const errors: readonly unknown[] = [
    Object.defineProperty(new Error("of a dependency"), "stack", { get: unreadable }),
    new Proxy(new Error("x"), { get: unreadable, getPrototypeOf: unreadable }),
    Object.create(null),
    Symbol("x"),
    new Error("plain"),
  ];
  const relay = new EventRelay("relay", ["fault"]);
  for (const error of errors) publish("fault", { instance: "relay", where: "a test", error });
  const texts = relay
    .take()
    .map(({ message }) => ("error" in message && message.error instanceof Error ? message.error.message : ""));
  assert.equal(texts.length, errors.length);
  assert.deepEqual([texts[0], texts.at(-1)], ["of a dependency", "plain"]);
  relay.close();
});
