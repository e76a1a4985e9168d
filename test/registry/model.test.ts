/**
 * Random runs of the registry with its watchers, compared with a model of about thirty lines. In every order of events,
 * watchers end with the true status, get no status twice in a row, and leave nothing behind.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { systemClock } from "../../src/core/clock.js";
import type { ServingStatus, WatchStatus } from "../../src/core/serving-status.js";
import { Registry } from "../../src/registry/registry.js";
import { FanOut } from "../../src/transports/grpc/fan-out.js";
import { WatchStream } from "../../src/transports/grpc/watch.js";

const RUNS = Number(process.env.MODEL_RUNS ?? 2000);
const NAMES = ["", "a", "b", "__proto__", "constructor"];
const WATCHED = [...NAMES, "readiness", "liveness", "startup", "nobody"];
const STATUSES: readonly ServingStatus[] = ["UNKNOWN", "SERVING", "NOT_SERVING"];
const NUMBERS: readonly WatchStatus[] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

/** The reference: the true statuses, and whether a drain hides them. */
class Model {
  truth = new Map<string, ServingStatus>();
  shown = new Set<string>();
  draining = false;

  set(name: string, status: ServingStatus): boolean {
    this.truth.set(name, status);
    this.shown.add(name);
    return !this.draining;
  }
  clear(name: string): boolean {
    const had = this.truth.delete(name);
    if (!this.draining) this.shown.delete(name);
    return had && !this.draining;
  }
  drain(): void {
    this.draining = true;
  }
  resume(): void {
    this.draining = false;
    this.shown = new Set(this.truth.keys());
  }
  read(asked: string): WatchStatus {
    const name = asked === "readiness" ? "" : asked;
    if (name === "liveness" || name === "startup") return "SERVING";
    if (this.draining) return this.shown.has(name) || name === "" ? "NOT_SERVING" : "SERVICE_UNKNOWN";
    return this.truth.get(name) ?? (name === "" ? "SERVING" : "SERVICE_UNKNOWN");
  }
}

/** A client, which reads what is sent unless it is stopped. */
class Watcher {
  readonly received: WatchStatus[] = [];
  readonly name: string;
  readonly stream: WatchStream;
  stalled = false;
  #onSent: (() => void) | undefined;

  constructor(registry: Registry, name: string, fanOut: FanOut) {
    this.name = name;
    this.stream = new WatchStream(registry, name, fanOut, {
      send: (message, onSent) => {
        this.received.push(NUMBERS[message[1] ?? 0] ?? "UNKNOWN");
        this.#onSent = onSent;
      },
      end: () => {},
    });
  }
  /** Reads a message, which makes room for the next. */
  read(): boolean {
    if (this.stalled) return false;
    const onSent = this.#onSent;
    this.#onSent = undefined;
    onSent?.();
    return onSent !== undefined;
  }
}

interface Real {
  readonly registry: Registry;
  readonly fanOut: FanOut;
  readonly deferred: (() => void)[];
  watchers: Watcher[];
}

type Step = fc.Command<Model, Real>;

function step(label: string, run: (model: Model, real: Real) => void): Step {
  return { check: () => true, run, toString: () => label };
}

/** Runs deferred work and clients until nothing is left to do. */
function turn({ deferred, watchers }: Real): void {
  for (let busy = true; busy; ) {
    busy = deferred.length > 0;
    for (const action of deferred.splice(0)) action();
    for (const watcher of watchers) busy = watcher.read() || busy;
  }
}

const name = fc.constantFrom(...NAMES);
const index = fc.nat(9);
const steps = [
  fc
    .tuple(name, fc.constantFrom(...STATUSES))
    .map(([which, status]) =>
      step(`set ${which} ${status}`, (model, { registry }) =>
        assert.equal(registry.set(which, status), model.set(which, status)),
      ),
    ),
  name.map((which) =>
    step(`clear ${which}`, (model, { registry }) => assert.equal(registry.clear(which), model.clear(which))),
  ),
  fc
    .constantFrom(...WATCHED)
    .map((which) =>
      step(`watch ${which}`, (_, real) => void real.watchers.push(new Watcher(real.registry, which, real.fanOut))),
    ),
  index.map((at) =>
    step(`cancel ${at}`, (_, real) => {
      for (const watcher of real.watchers.splice(at, 1)) watcher.stream.close();
    }),
  ),
  fc.tuple(index, fc.boolean()).map(([at, stalled]) =>
    step(`${stalled ? "stall" : "unstall"} ${at}`, (_, { watchers }) => {
      const watcher = watchers[at];
      if (watcher !== undefined) watcher.stalled = stalled;
    }),
  ),
  fc.constant(step("drain", (model, { registry }) => [model, registry].forEach((each) => void each.drain()))),
  fc.constant(step("resume", (model, { registry }) => [model, registry].forEach((each) => void each.resume()))),
  fc.constant(step("turn", (_, real) => turn(real))),
  fc
    .constantFrom(...WATCHED)
    .map((which) =>
      step(`check ${which}`, (model, { registry }) =>
        assert.equal(registry.read(which)?.status ?? "SERVICE_UNKNOWN", model.read(which)),
      ),
    ),
  fc.constant(
    step("list", (model, { registry }) => {
      const listed = [...registry.services()].map(([service, { status }]) => [service, status]);
      const expected = [...new Set(["", ...model.shown])].map((service) => [service, model.read(service)]);
      assert.deepEqual(listed.sort(), expected.sort());
    }),
  ),
];

test(`after ${RUNS} random runs, every watcher has the true status [C45]`, () => {
  fc.assert(
    fc.property(fc.commands(steps, { maxCommands: 60, size: "max" }), (commands) => {
      const deferred: (() => void)[] = [];
      const registry = new Registry({ clock: systemClock, instance: "model" });
      const real: Real = {
        registry,
        deferred,
        watchers: [],
        fanOut: new FanOut("model", (action) => void deferred.push(action)),
      };
      const model = new Model();
      fc.modelRun(() => ({ model, real }), commands);
      for (const watcher of real.watchers) watcher.stalled = false;
      turn(real);
      for (const { name: watched, received } of real.watchers) {
        assert.equal(received.at(-1), model.read(watched), `${watched} received ${received}`);
        assert.ok(
          received.every((status, at) => at === 0 || status !== received[at - 1]),
          `the same status twice: ${received}`,
        );
      }
      assert.equal(registry.watcherCount, real.watchers.length);
      for (const { stream } of real.watchers) stream.close();
      assert.deepEqual([registry.watcherCount, registry.watchedNameCount], [0, 0]);
    }),
    { numRuns: RUNS },
  );
});
