/** The check of a worker of BullMQ, of both versions, beside a real Redis: what it sees, and a shutdown that loses no job. */
import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import type { BullmqWorker, BullmqWorkerOptions } from "../../src/index.js";
import { eventually, inTime, pause } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { npmWorkers } from "./npm-packages.js";
import { library } from "./package/packaged.js";
import { type Running, startRedis } from "./peers.js";

const { bullmqWorker, gracefulShutdown, Health } = library;

/** The part of BullMQ that is used: the suite installs it, so its types are not here. */
interface Worker extends BullmqWorker {
  readonly closing: Promise<void> | undefined;
  run(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  close(force?: boolean): Promise<void>;
  waitUntilReady(): Promise<unknown>;
}

interface Queue {
  add(name: string, data: object, options?: object): Promise<unknown>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  close(): Promise<void>;
  setGlobalConcurrency(count: number): Promise<unknown>;
  on(event: "error", listener: () => void): unknown;
  getJobCounts(...states: string[]): Promise<Record<string, number>>;
}

type Processor = (job: {
  readonly data: { readonly index: number };
  updateProgress(to: number): Promise<void>;
}) => unknown;

interface Bullmq {
  readonly Worker: new (queue: string, processor: Processor, options: object) => Worker;
  readonly Queue: new (queue: string, options: object) => Queue;
}

for (const version of ["bullmq", "bullmq5"]) {
  describe(`the check of a worker (${version})`, () => {
    const { Worker, Queue }: Bullmq = npmWorkers()(version);
    let redis: Running;
    let port = 0;
    let names = 0;
    const start = async () => {
      redis = await startRedis(port);
    };
    before(async () => {
      port = await freePort();
      await start();
    });
    after(() => redis.stop());

    /** A worker, its queue, and a `Health` that checks it often. */
    async function prepare(
      t: TestContext,
      processor: Processor,
      options: BullmqWorkerOptions & { readonly more?: object } = {},
    ) {
      const { more, ...checkOptions } = options;
      names += 1;
      const connection = { host: "127.0.0.1", port, retryStrategy: () => 100, maxRetriesPerRequest: null };
      const queue = new Queue(`q${names}`, { connection });
      const worker = new Worker(`q${names}`, processor, { connection, drainDelay: 1, runRetryDelay: 100, ...more });
      for (const each of [queue, worker]) each.on("error", () => {});
      const health = new Health();
      let detail: string | undefined;
      health.onTransition((transition) => {
        detail = transition.detail ?? detail;
      });
      t.after(async () => {
        await health.shutdown({ drainDelayMs: 0 });
        await worker.close(true);
        await queue.close();
      });
      await worker.waitUntilReady();
      health.check("worker", bullmqWorker(worker, checkOptions), {
        interval: "400ms",
        timeout: "390ms",
        unhealthyThreshold: 2,
      });
      const until = async (status: string, text = /^/) => {
        await eventually(() => health.status("worker") === status, `${status}: ${detail}`);
        if (status === "NOT_SERVING") assert.match(detail ?? "", text);
      };
      await until("SERVING");
      return { queue, worker, health, until };
    }

    /** A status that does not turn while the check runs several times. */
    async function stays(health: InstanceType<typeof Health>, status: string): Promise<void> {
      for (let look = 0; look < 60; look += 1) {
        await pause(50);
        assert.equal(health.status("worker"), status);
      }
    }

    test("a worker that works passes; paused, it fails until it resumes; closed, it fails for good", async (t) => {
      const { queue, worker, until } = await prepare(t, async () => {});
      await queue.add("job", {});
      await until("SERVING");
      await worker.pause();
      await until("NOT_SERVING", /the worker is paused/);
      await worker.resume();
      await until("SERVING");
      await worker.close();
      await until("NOT_SERVING", /the worker is closed/);
    });

    test("a worker that was not started fails", async (t) => {
      const { worker } = await prepare(t, async () => {});
      await worker.close();
      const idle = new Worker("idle", async () => {}, { connection: { host: "127.0.0.1", port }, autorun: false });
      t.after(() => idle.close(true));
      await idle.waitUntilReady();
      const check = bullmqWorker(idle);
      await assert.rejects(async () => check({ signal: new AbortController().signal }), /does not run/);
      void idle.run();
      await check({ signal: new AbortController().signal });
    });

    test("without Redis it fails, and it passes again when Redis is back; hung, Redis does not answer", async (t) => {
      const { until, queue } = await prepare(t, async () => {});
      await redis.stop();
      await until("NOT_SERVING", /not connected to Redis: \w+|Connection is closed/);
      await start();
      await until("SERVING");
      await redis.freeze();
      await until("NOT_SERVING");
      redis.signal("SIGCONT");
      await until("SERVING");
      await queue.add("job", {});
      await eventually(async () => (await queue.getJobCounts("completed")).completed === 1, "the worker works again");
    });

    test("jobs that wait behind a job that hangs fail the check after stalledAfter, and not before", async (t) => {
      let release = () => {};
      const hung = new Promise<void>((resolve) => {
        release = resolve;
      });
      const { queue, until, health } = await prepare(t, async ({ data }) => (data.index === 0 ? hung : undefined), {
        stalledAfter: "2s",
      });
      await queue.add("job", { index: 0 });
      await stays(health, "SERVING"); // it runs, and none waits
      await queue.add("job", { index: 1 }, { priority: 5 });
      const startedAt = performance.now();
      await until("NOT_SERVING", /jobs wait \(1\), and the worker has ended none for [234]s/);
      assert(performance.now() - startedAt > 1_900);
      release();
      await until("SERVING");
    });

    test("a shutdown loses no job, and runs none twice", async (t) => {
      const runs = new Map<number, number>();
      const process: Processor = async ({ data: { index } }) => {
        await pause(20);
        runs.set(index, (runs.get(index) ?? 0) + 1);
      };
      const { queue, worker, health } = await prepare(t, process, { more: { concurrency: 5 } });
      const shutdown = gracefulShutdown({ health, servers: [worker], signals: [], drainDelayMs: 100, log() {} });
      for (let index = 0; index < 200; index += 1) await queue.add("job", { index });
      await inTime(shutdown.shutdown(), "the end");
      const counts = await queue.getJobCounts("active", "failed", "completed");
      assert.deepEqual([counts.active, counts.failed, counts.completed], [0, 0, runs.size]);
      const next = new Worker(String(Reflect.get(worker, "name")), process, {
        connection: { host: "127.0.0.1", port },
        concurrency: 20,
      });
      t.after(() => next.close(true));
      await eventually(() => runs.size === 200, "the next worker takes the others");
      assert.deepEqual(new Set(runs.values()), new Set([1]));
    });

    const HELD_BACK = {
      "a queue that is paused": async (queue: Queue) => {
        await queue.pause();
        await queue.add("job", {});
        await queue.add("job", {}, { priority: 3 });
      },
      "a queue with a rate limit": async (queue: Queue) => {
        for (let index = 0; index < 3; index += 1) await queue.add("job", {});
        await eventually(async () => (await queue.getJobCounts("completed")).completed === 1, "the first one");
      },
    } as const;
    for (const [what, hold] of Object.entries(HELD_BACK))
      test(`jobs wait with a reason in ${what}: the check passes`, async (t) => {
        const { queue, health } = await prepare(t, async () => {}, {
          stalledAfter: "500ms",
          more: what.includes("rate limit") ? { limiter: { max: 1, duration: 60_000 } } : {},
        });
        await hold(queue);
        await pause(600);
        await stays(health, "SERVING");
      });

    // what follows does not depend on the version
    if (version === "bullmq5") return;

    test("a job that reports progress is alive, and without stalledAfter a long job does not fail the check", async (t) => {
      for (const options of [{ stalledAfter: "1s" }, {}]) {
        const { queue, health } = await prepare(
          t,
          async (job) => {
            for (let step = 0; step < 40; step += 1) {
              await pause(100);
              if ("stalledAfter" in options) await job.updateProgress(step);
            }
          },
          options,
        );
        await queue.add("job", {});
        await queue.add("job", {});
        await stays(health, "SERVING");
      }
    });

    test("a worker that takes no job though it has a free place fails the check", async (t) => {
      const { queue, worker, until } = await prepare(t, async () => {}, { stalledAfter: "1s" });
      await queue.add("job", {});
      await eventually(async () => (await queue.getJobCounts("completed")).completed === 1, "the worker works");
      await pause(200);
      // its loop is stuck: it waits for an answer that never comes
      Object.assign(worker, { moveToActive: () => new Promise(() => {}) });
      await queue.add("job", {});
      await until("NOT_SERVING", /jobs wait \(1\), and the worker has taken none for [123]s/);
    });

    test("jobs wait with a reason when another worker has all that the queue may run at once", async (t) => {
      const { queue, health, worker } = await prepare(t, async () => {}, { stalledAfter: "500ms" });
      await queue.setGlobalConcurrency(1);
      await worker.pause();
      const name = Reflect.get(worker, "name");
      const other = new Worker(String(name), () => pause(3_000), { connection: { host: "127.0.0.1", port } });
      t.after(() => other.close(true));
      await queue.add("job", {});
      await eventually(async () => (await queue.getJobCounts("active")).active === 1, "the other one has it");
      await queue.add("job", {});
      await worker.resume();
      await eventually(() => health.status("worker") === "SERVING", "it runs again");
      await stays(health, "SERVING");
    });
  });
}

test("refuses what is no worker, and a wrong option", () => {
  const { Worker }: Bullmq = npmWorkers()("bullmq");
  for (const wrong of [undefined, {}, new Map(), "worker"])
    assert.throws(() => Reflect.apply(bullmqWorker, undefined, [wrong]), { code: "INVALID_OPTION" });
  const worker = Object.create(Worker.prototype);
  for (const options of [{ stalledAfter: 0 }, { stalledAfter: "soon" }, { stalled: 1 }])
    assert.throws(() => Reflect.apply(bullmqWorker, undefined, [worker, options]), { code: "INVALID_OPTION" });
});
