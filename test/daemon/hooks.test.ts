/** The hooks of a daemon at its end: a configuration that is applied while they are closed starts nothing. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { DaemonConfig } from "../../src/config/daemon-config.js";
import { systemClock } from "../../src/core/clock.js";
import { Health } from "../../src/daemon/health.js";
import { Hooks } from "../../src/daemon/hooks.js";
import { Operator } from "../../src/daemon/operator.js";
import { read } from "../config/reading.js";
import { eventually } from "../support/eventually.js";

class Site {
  readonly health = new Health({ history: true, metrics: true });
  readonly hooks: Hooks;
  readonly folder = mkdtempSync(join(tmpdir(), "healthbridge-hooks-"));
  requests = 0;
  url = "";

  private constructor(t: TestContext) {
    const log = { write() {}, close() {} };
    const operator = new Operator({ parts: this.health.parts, clock: systemClock, log, journal: undefined });
    this.hooks = new Hooks({ health: this.health, operator, journal: undefined, environment: process.env });
    t.after(async () => {
      operator.stop();
      await this.health.shutdown({ drainDelayMs: 0 });
      rmSync(this.folder, { recursive: true });
    });
  }

  static async open(t: TestContext): Promise<Site> {
    const site = new Site(t);
    const server = createServer((_, response) => {
      site.requests += 1;
      response.writeHead(204).end();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    site.url = `http://127.0.0.1:${Object(server.address()).port}`;
    return site;
  }

  /** The file that the program of the recovery makes. */
  get trace(): string {
    return join(this.folder, "ran");
  }

  /** A check that fails, a webhook and a recovery of it. */
  get config(): DaemonConfig {
    return read(`
allowExec: true
checks: { down: { target: "tcp://127.0.0.1:1", interval: 100ms, timeout: 50ms, unhealthyThreshold: 1 } }
webhooks: { ops: { url: "${this.url}", delay: 0s, groupWait: 0s } }
recovery: { touch: { services: [down], exec: [touch, "${this.trace}"], after: 0s } }`);
  }
}

test("a configuration of hooks is applied", async (t) => {
  const site = await Site.open(t);
  await site.health.reconfigure(site.config);
  await site.hooks.apply(site.config);
  await eventually(
    () => site.requests > 0 && existsSync(site.trace),
    "the webhook is told, and the program is run",
    10_000,
  );
  await site.hooks.close();
});

test("a configuration that is being applied when the hooks are closed starts none of them", async (t) => {
  const site = await Site.open(t);
  await site.health.reconfigure(site.config);
  const applying = site.hooks.apply(site.config);
  await site.hooks.close();
  await applying;
  const until = systemClock.now() + 2_500; // recovery looks once a second
  await eventually(() => systemClock.now() >= until, "time for both", 10_000);
  assert.deepEqual([site.requests, existsSync(site.trace)], [0, false]);
});
