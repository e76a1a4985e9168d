/**
 * What every reader of discovery does with the instances of a service, under 100 requests a second over four of them.
 *
 *     state of an instance --> healthbridge --> reader --> traffic --> the counters of the backends
 *
 * The times are those of the counters and of healthbridge's own transitions: both are wall time of this machine.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { eventually, pause } from "../../support/eventually.js";
import { DiscoveryDaemon, type DiscoveryDaemonOptions, QUICK } from "./discovery-daemon.js";
import { type Backend, FleetOfBackends } from "./fleet-of-backends.js";

/** A reader under traffic. */
export interface Reader {
  /** The requests that have failed, each with its text. */
  readonly failures: readonly string[];
  stop(): Promise<void>;
}

/** What the tests of a reader share. */
export interface Scene<R extends Reader> {
  readonly directory: string;
  readonly fleet: FleetOfBackends;
  readonly daemon: DiscoveryDaemon;
  readonly reader: R;
}

/** Traffic has this time to follow a state. */
export const FOLLOWS_MS = 1_000;

/** Starts the backends, the daemon and a reader before the tests of a suite, and ends them after it. */
export function openScene<R extends Reader>(
  start: (scene: Omit<Scene<R>, "reader">) => Promise<R>,
  options: DiscoveryDaemonOptions | ((directory: string) => DiscoveryDaemonOptions) = {},
): () => Scene<R> {
  const ends: (() => void | Promise<void>)[] = [];
  let scene: Scene<R> | undefined;
  before(async () => {
    const directory = mkdtempSync(join(tmpdir(), "healthbridge-"));
    ends.push(() => rmSync(directory, { recursive: true }));
    const fleet = await FleetOfBackends.start(4, directory);
    ends.push(() => fleet.close());
    const chosen = typeof options === "function" ? options(directory) : options;
    const daemon = await DiscoveryDaemon.start(directory, fleet, chosen);
    ends.push(() => daemon.stop());
    const reader = await start({ directory, fleet, daemon });
    ends.push(() => reader.stop());
    scene = { directory, fleet, daemon, reader };
  });
  after(async () => {
    for (const end of ends.reverse()) await end();
  });
  return () => {
    if (scene === undefined) throw new Error("the scene is open after `before` only");
    return scene;
  };
}

/** Resolves when each of the backends has got a request since now. */
export async function eachGetsTraffic(
  backends: readonly Backend[],
  what = "each instance gets traffic",
): Promise<void> {
  const from = Date.now();
  await eventually(() => backends.every(({ hits }) => (hits.at(-1) ?? 0) >= from), what);
}

/** Asserts that a backend gets no request from a second after `at` on, and for a second. Returns the last one after `at`. */
export async function assertLeft(backend: Backend, at: number): Promise<number> {
  await pause(Math.max(0, at + 2 * FOLLOWS_MS - Date.now()));
  assert.deepEqual(backend.hitsBetween(at + FOLLOWS_MS, Date.now()), [], "no request to it after a second");
  return Math.max(0, ...backend.hitsBetween(at, Date.now()).map((hit) => hit - at));
}

/** Asserts that a backend gets a request within a second after `at`. Returns after how many milliseconds. */
export async function assertReturned(backend: Backend, at: number): Promise<number> {
  const first = () => backend.hits.find((hit) => hit >= at);
  await eventually(() => first() !== undefined, "the instance gets traffic again");
  const took = (first() ?? 0) - at;
  assert.ok(took <= FOLLOWS_MS, `traffic returned after ${took} ms`);
  return took;
}

/** Every reader follows the states of instances. `isWhole`: of each instance, not of one. */
export function testStates(scene: () => Scene<Reader>, isWhole: boolean): void {
  test("each healthy instance gets traffic", async () => {
    const { fleet, reader } = scene();
    await eachGetsTraffic(fleet.backends);
    assert.deepEqual(reader.failures, []);
  });

  test("traffic leaves an instance that fails within a second, and returns within a second", async (context) => {
    const { fleet, daemon, reader } = scene();
    for (const backend of fleet.backends.slice(isWhole ? 0 : -1)) {
      const left = await assertLeft(backend, (await daemon.fail(backend)).at);
      const returned = await assertReturned(backend, (await daemon.recover(backend)).at);
      context.diagnostic(`left after ${left} ms, returned after ${returned} ms`);
    }
    assert.deepEqual(reader.failures, []);
  });

  test("traffic leaves an instance that is drained within a second, and returns after a resume", async (context) => {
    const { fleet, daemon, reader } = scene();
    const backend = fleet.backends.at(-1);
    assert.ok(backend);
    const check = await daemon.checkOf(backend);
    const left = await assertLeft(backend, await daemon.operate("drain", check));
    const returned = await assertReturned(backend, await daemon.operate("resume", check));
    context.diagnostic(`left after ${left} ms, returned after ${returned} ms`);
    assert.deepEqual(reader.failures, []);
  });
}

/** Every reader keeps what it has while the daemon is away. `isWhole`: after both ways to end it. */
export function testContinuity(scene: () => Scene<Reader>, isWhole: boolean): void {
  for (const signal of isWhole ? (["SIGTERM", "SIGKILL"] as const) : (["SIGKILL"] as const))
    test(`a restart (${signal}) fails no request, takes no healthy instance away, and brings no failing one back`, async (context) => {
      const { fleet, daemon, reader } = scene();
      await proveRestart(context, { fleet, daemon, reader }, signal);
    });

  test("an address that leaves the file gets no more traffic, and a new one gets some", async () => {
    const { fleet, reader } = scene();
    const [gone, ...rest] = fleet.backends;
    assert.ok(gone);
    await eachGetsTraffic(fleet.backends);
    fleet.list(rest);
    await eventually(
      () => Date.now() - (gone.hits.at(-1) ?? 0) > FOLLOWS_MS,
      "traffic has left the address that is gone",
    );
    fleet.list(fleet.backends);
    const from = Date.now();
    await eventually(() => (gone.hits.at(-1) ?? 0) > from, "traffic goes to the new address");
    assert.deepEqual(reader.failures, []);
  });
}

/** The new process gets no result of a check until the reader is back: it must not tell what it does not know. */
async function proveRestart(
  context: TestContext,
  { fleet, daemon, reader }: Omit<Scene<Reader>, "directory">,
  signal: "SIGTERM" | "SIGKILL",
): Promise<void> {
  const failing = fleet.backends.at(-1);
  const healthy = fleet.backends.slice(0, -1);
  assert.ok(failing);
  await assertLeft(failing, (await daemon.fail(failing)).at);
  const from = Date.now();
  await daemon.end(signal);
  await pause(FOLLOWS_MS);
  for (const backend of fleet.backends) backend.holdHealth();
  daemon.configure({ interval: "60s", timeout: "59s" });
  await daemon.start();
  const startedAt = Date.now();
  const hasReader = async () => (await daemon.metric('healthbridge_discovery_subscribers{form="xds"}')) > 0;
  await eventually(hasReader, "the reader is back");
  context.diagnostic(`the reader was back ${Date.now() - startedAt} ms after the start`);
  await pause(FOLLOWS_MS);
  const to = Date.now();
  assert.deepEqual(failing.hitsBetween(from, to), [], "no request to the instance that fails");
  for (const backend of healthy) assertNoGap(backend, from, to);
  failing.isHealthy = true;
  for (const backend of fleet.backends) backend.releaseHealth();
  daemon.configure(QUICK);
  await daemon.operate("reload");
  await eventually(() => (failing.hits.at(-1) ?? 0) > to, "the reader follows the new process");
  assert.deepEqual(reader.failures, []);
}

/** Asserts that a backend was never without a request for longer than a second. */
function assertNoGap(backend: Backend, from: number, to: number): void {
  const times = [from, ...backend.hitsBetween(from, to), to];
  const longest = Math.max(...times.slice(1).map((at, index) => at - (times[index] ?? at)));
  assert.ok(longest <= FOLLOWS_MS, `no request for ${longest} ms`);
}
