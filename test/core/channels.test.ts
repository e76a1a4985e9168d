import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { promisify } from "node:util";
import { background } from "../../src/core/background.js";
import { publish, subscribe } from "../../src/core/channels.js";
import { systemClock } from "../../src/core/clock.js";
import { eventually } from "../support/eventually.js";
import { collectFaults } from "../support/faults.js";
import { settle } from "../support/virtual-clock.js";

test("a message reaches every subscriber, with its instance, until it unsubscribes", () => {
  const received: string[] = [];
  const [one, two] = ["one", "two"].map((name) =>
    subscribe("fault", ({ instance, where }) => received.push(`${name} ${instance} ${where}`)),
  );
  publish("fault", { instance: "a", where: "here", error: undefined });
  one?.();
  publish("fault", { instance: "b", where: "there", error: undefined });
  two?.();
  publish("fault", { instance: "c", where: "nowhere", error: undefined });
  assert.deepEqual(received, ["one a here", "two a here", "two b there"]);
});

test("a subscriber that throws stops neither the publisher nor another subscriber, and is published as a fault", (t) => {
  const faults = collectFaults(t, "throwing");
  const received: string[] = [];
  const error = new Error("broken subscriber");
  const unsubscribe = [
    subscribe("stall", () => received.push("first")),
    subscribe("stall", () => {
      throw error;
    }),
    subscribe("stall", () => received.push("last")),
  ];
  publish("stall", { instance: "throwing", stallMs: 1 });
  publish("stall", { instance: "throwing", stallMs: 2 });
  for (const leave of unsubscribe) leave();
  assert.deepEqual(received, ["first", "last", "first", "last"]);
  const fault = { instance: "throwing", where: "subscriber of stall", error };
  assert.deepEqual(faults, [fault, fault]);
});

test("a subscriber of faults that throws is an uncaught exception, not a fault without end", async () => {
  const channels = new URL("../../src/core/channels.ts", import.meta.url).href;
  const script = `import { publish, subscribe } from ${JSON.stringify(channels)};
    subscribe("fault", ({ where }) => { console.log(where); throw new Error("broken"); });
    process.on("uncaughtException", ({ message }) => console.log("uncaught", message));
    publish("fault", { instance: "a", where: "here", error: undefined });`;
  const args = ["--import", "tsx", "--input-type=module", "-e", script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 });
  assert.equal(stdout, "here\nuncaught broken\n");
});

test("background work that fails is reported, and ends nothing", async () => {
  const faults: unknown[] = [];
  const unsubscribe = subscribe("fault", ({ instance, where, error }) => faults.push([instance, where, error]));
  background(Promise.resolve(), "a", "good work");
  background(Promise.reject(new Error("broken")), "a", "bad work");
  await settle();
  unsubscribe();
  assert.deepEqual(faults, [["a", "bad work", new Error("broken")]]);
});

test("the system clock advances, and its timers can be cancelled", async () => {
  const before = systemClock.now();
  let fired = 0;
  const cancel = systemClock.setTimer(1, () => assert.fail("it was cancelled"));
  cancel();
  cancel();
  await new Promise<void>((resolve) => {
    const holder = setTimeout(() => {}, 10_000);
    systemClock.setTimer(5, () => {
      fired += 1;
      clearTimeout(holder);
      resolve();
    });
  });
  assert.equal(fired, 1);
  assert.ok(systemClock.now() > before);
  assert.ok(Math.abs(systemClock.wallTime() - Date.now()) < 5_000);
});

test("after a stall, data that has arrived is read before a timer runs", async () => {
  const accepted: Socket[] = [];
  const server = createServer((socket) => accepted.push(socket));
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const client = connect(Object(server.address()).port, "127.0.0.1");
  await eventually(() => accepted.length === 1, "the connection");
  const order: string[] = [];
  client.on("data", () => order.push("data"));
  const fired = new Promise<void>((resolve) => {
    systemClock.setTimer(20, () => {
      order.push("timer");
      resolve();
    });
  });
  await settle(); // timers come next, and input after them
  accepted[0]?.write("answer");
  const until = performance.now() + 60;
  while (performance.now() < until); // the event loop is blocked until after the timer, with the answer in the socket
  await fired;
  client.destroy();
  server.close();
  assert.deepEqual(order, ["data", "timer"]);
});
