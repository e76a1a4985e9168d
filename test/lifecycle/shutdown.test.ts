/** The order and the times of the steps of a shutdown, on a virtual clock. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DEFAULT_DRAIN_DELAY_MS } from "../../src/core/option.js";
import { runShutdown, type ShutdownSteps, type ShutdownTimes } from "../../src/lifecycle/shutdown.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";

/** A shutdown, with the time of each step. */
function leaving(steps: Partial<ShutdownSteps> = {}, times?: ShutdownTimes) {
  const clock = new VirtualClock();
  const came: [string, number][] = [];
  const at = (step: string) => void came.push([step, clock.now()]);
  const service: ShutdownSteps = {
    announce: () => {
      at("announce");
      steps.announce?.();
    },
    stopAccepting: () => {
      at("stopAccepting");
      steps.stopAccepting?.();
    },
    endWatches: () => {
      at("endWatches");
      steps.endWatches?.();
    },
    closeGracefully: () => {
      at("closeGracefully");
      return steps.closeGracefully?.() ?? Promise.resolve();
    },
    destroy: () => {
      at("destroy");
      return steps.destroy?.() ?? Promise.resolve();
    },
  };
  const left = runShutdown(service, clock, times).then(
    () => at("left"),
    (error: unknown) => at(`failed: ${error}`),
  );
  return { clock, came, left };
}

const never = () => new Promise<void>(() => {});

/** A step that ends when the test ends it. */
function held() {
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { step: () => ended, end: () => end() };
}

describe("shutdown", () => {
  test("runs its steps in order: announce, wait, stop accepting, end Watch streams, send GOAWAY, destroy", async () => {
    const { clock, came } = leaving();
    await clock.advance(60_000);
    assert.deepEqual(came, [
      ["announce", 0],
      ["stopAccepting", 5_000],
      ["endWatches", 5_000],
      ["closeGracefully", 5_000],
      ["destroy", 5_000],
      ["left", 5_000],
    ]);
  });

  test("announces at once, before it waits", () => assert.deepEqual(leaving().came, [["announce", 0]]));

  test("waits five seconds by default", () => assert.equal(DEFAULT_DRAIN_DELAY_MS, 5_000));

  test("waits for the configured time", async () => {
    const { clock, came } = leaving({}, { drainDelayMs: 30_000 });
    await clock.advance(29_999);
    assert.deepEqual(came, [["announce", 0]]);
    await clock.advance(1);
    assert.deepEqual(came.at(-1), ["left", 30_000]);
  });

  test("needs no clock without a delay [A79]", async () => {
    const { came, left } = leaving({}, { drainDelayMs: 0 });
    await left;
    assert.deepEqual(
      came.map(([step]) => step),
      ["announce", "stopAccepting", "endWatches", "closeGracefully", "destroy", "left"],
    );
  });

  test("waits for the clients, and goes on as soon as they are gone", async () => {
    const clients = held();
    const { clock, came } = leaving({ closeGracefully: clients.step }, { drainDelayMs: 0 });
    await clock.advance(9_000);
    assert.deepEqual(came.at(-1), ["closeGracefully", 0]);
    clients.end();
    await settle();
    assert.deepEqual(came.slice(-2), [
      ["destroy", 9_000],
      ["left", 9_000],
    ]);
    assert.equal(clock.pendingTimers, 0);
  });

  test("waits at most ten seconds for clients by default [A75]", async () => {
    const { clock, came } = leaving({ closeGracefully: never });
    await clock.advance(14_999);
    assert.deepEqual(came.at(-1), ["closeGracefully", 5_000]);
    await clock.advance(1);
    assert.deepEqual(came.slice(-2), [
      ["destroy", 15_000],
      ["left", 15_000],
    ]);
  });

  test("waits for clients as long as configured, also not at all", async () => {
    const { clock, came } = leaving({ closeGracefully: never }, { drainDelayMs: 0, closeTimeoutMs: 300 });
    await clock.advance(300);
    assert.deepEqual(came.at(-1), ["left", 300]);
    const hasty = leaving({ closeGracefully: never }, { drainDelayMs: 0, closeTimeoutMs: 0 });
    await hasty.clock.advance(0);
    assert.deepEqual(hasty.came.at(-1), ["left", 0]);
  });

  test("waits until everything is destroyed", async () => {
    const sockets = held();
    const { came } = leaving({ destroy: sockets.step }, { drainDelayMs: 0 });
    await settle();
    assert.deepEqual(came.at(-1), ["destroy", 0]);
    sockets.end();
    await settle();
    assert.deepEqual(came.at(-1), ["left", 0]);
  });

  test("ends one second after both times even if the destruction never ends [A75]", async () => {
    const { clock, came } = leaving({ closeGracefully: never, destroy: never });
    await clock.advance(60_000);
    assert.deepEqual(came.at(-1), ["left", 16_000]);
    assert.equal(clock.pendingTimers, 0);
  });

  test("destroys what is left when sending GOAWAY fails, and then throws the error", async () => {
    const { came, left } = leaving({ closeGracefully: () => Promise.reject(new Error("broken")) }, { drainDelayMs: 0 });
    await left;
    assert.deepEqual(
      came.slice(-3).map(([step]) => step),
      ["closeGracefully", "destroy", "failed: Error: broken"],
    );
  });

  for (const step of ["announce", "stopAccepting", "endWatches"] as const) {
    test(`destroys what is left when ${step} throws, and then throws the error`, async () => {
      const broken = () => {
        throw new Error("broken");
      };
      const { clock, came } = leaving({ [step]: broken });
      await clock.advance(60_000);
      const last = came.slice(-2).map(([name]) => name);
      assert.deepEqual(last, ["destroy", "failed: Error: broken"]);
    });
  }

  test("sets no timer that outlives it", async () => {
    const { clock, left } = leaving({}, { drainDelayMs: 0 });
    await left;
    assert.equal(clock.pendingTimers, 0);
  });
});
