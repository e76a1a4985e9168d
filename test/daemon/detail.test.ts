/** The full text behind a reason: listeners and the log get it, clients never do. */
import assert from "node:assert/strict";
import { subscribe } from "node:diagnostics_channel";
import { describe, type TestContext, test } from "node:test";
import { type ChannelMessages, Health, type Transition } from "../../src/index.js";
import { createLog } from "../../src/telemetry/log.js";
import { textLine } from "../../src/telemetry/log-text.js";
import { GrpcPeer } from "../support/grpc-peer.js";
import { portOf } from "../support/port-of.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";

const SECRET_TEXT = "relation 'orders' is locked by pid 4711";

const INSTANCE = "detailed";

/** A health with one check that fails, a service over it, and everything that is reported about them. */
async function failing(t: TestContext) {
  const clock = new VirtualClock();
  const health = new Health({ clock, metrics: true, instance: INSTANCE });
  const lines: string[] = [];
  const log = createLog(INSTANCE, "info", { write: (line) => void lines.push(line) });
  const transitions: Transition[] = [];
  health.onTransition((transition) => transitions.push(transition));
  let isHealthy = true;
  health.check("db", () => ({ ok: isHealthy, detail: SECRET_TEXT }), { unhealthyThreshold: 1, healthyThreshold: 1 });
  health.declareServices([{ name: "shop", policy: { kind: "all" }, members: ["db"] }]);
  t.after(async () => {
    log.close();
    const ended = health.shutdown({ drainDelayMs: 0 });
    await clock.advance(20_000);
    await ended;
  });
  const probe = async () => {
    await clock.advance(12_000);
    await settle();
  };
  await probe();
  isHealthy = false;
  transitions.length = 0;
  await probe();
  const recover = () => {
    isHealthy = true;
  };
  return { health, lines, transitions, recover, probe };
}

describe("the detail of a failure", () => {
  test("is in the transition of the check, and of each service that it changes", async (t) => {
    const { transitions, recover, probe } = await failing(t);
    const of = () => transitions.map(({ subject, name, to, reason, detail }) => [subject, name, to, reason, detail]);
    const cause = ["result", `ok is false; ${SECRET_TEXT}`];
    assert.deepEqual(of(), [
      ["check", "db", "failing", ...cause],
      ["service", "db", "NOT_SERVING", ...cause],
      ["service", "shop", "NOT_SERVING", ...cause],
      ["service", "", "NOT_SERVING", ...cause],
    ]);
    transitions.length = 0;
    recover();
    await probe();
    assert.deepEqual([...new Set(transitions.map(({ detail }) => detail))], [undefined]);
  });

  test("is on the channel that the docs name", async (t) => {
    const details: (string | undefined)[] = [];
    subscribe("healthbridge:transition", (message) => {
      const { subject, detail } = message as ChannelMessages["transition"]; // the type that belongs to the channel
      if (subject === "check") details.push(detail);
    });
    await failing(t);
    assert.ok(details.at(-1)?.includes(SECRET_TEXT));
  });

  test("stands in the log at the default level, and at a terminal", async (t) => {
    const { lines } = await failing(t);
    const line = lines.find((text) => text.includes('"subject":"check"') && text.includes("failing")) ?? "";
    assert.equal(JSON.parse(line).detail, `ok is false; ${SECRET_TEXT}`);
    assert.match(
      textLine(line, { isTerminal: true, hasColours: false }),
      /check "db": passing -> failing \(result\): ok is false; relation/,
    );
  });

  test("is in nothing that a client can ask for", async (t) => {
    const { health } = await failing(t);
    const server = await health.listen(["127.0.0.1:0"]);
    const port = portOf(server);
    const peer = new GrpcPeer(port);
    t.after(() => peer.close());
    const answers = [JSON.stringify(await peer.list())];
    const paths = [
      "/healthcheck/db",
      "/healthcheck",
      "/readyz?verbose",
      "/livez?verbose",
      "/startupz?verbose",
      "/metrics",
    ];
    for (const path of [...paths, "/", "/readyz/db"]) {
      for (const accept of ["*/*", "application/json", "application/health+json", "text/html"]) {
        const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { accept } });
        answers.push(JSON.stringify([...answer.headers]) + (await answer.text()));
      }
    }
    assert.ok(answers.some((text) => text.includes("NOT_SERVING")));
    assert.ok(answers.some((text) => text.includes('"db"')));
    for (const text of answers) assert.ok(!/relation|4711/.test(text), text);
  });
});
