/** Recovery by members of a fleet: of those that see the same failure, one runs the program. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { CheckEngine } from "../../src/checks/check-engine.js";
import { type Published, subscribe } from "../../src/core/channels.js";
import { Recovery } from "../../src/hooks/recovery.js";
import type { RecoveryGate } from "../../src/hooks/recovery-evidence.js";
import { RECOVERY_DEFAULTS } from "../../src/hooks/recovery-rules.js";
import { fail } from "../../src/probers/prober.js";
import { Registry } from "../../src/registry/registry.js";
import { ScriptedProber } from "../checks/scripted-prober.js";
import { eventually } from "../support/eventually.js";
import { VirtualClock } from "../support/virtual-clock.js";

const OPEN: RecoveryGate = { refusal: () => undefined, owns: () => true, claim: async () => true };

/** A check that fails, seen by one member. Returns the steps of its recovery after five minutes. */
async function stepsWith(t: TestContext, gate: Partial<RecoveryGate>): Promise<readonly Published<"recovery">[]> {
  const instance = `gate-${Math.random()}`;
  const clock = new VirtualClock();
  const registry = new Registry({ clock, instance });
  const engine = new CheckEngine({ writer: registry, clock, random: () => 0.5 });
  const steps: Published<"recovery">[] = [];
  const unsubscribe = subscribe("recovery", (step) => void (step.instance === instance && steps.push(step)));
  const prober = new ScriptedProber(() => clock.now());
  prober.probe = async () => fail("refused", "down");
  engine.add({ name: "s", source: { kind: "prober", prober }, options: { jitter: 0 } });
  const rule = { name: "restart", command: ["/bin/true"], services: ["s"], ...RECOVERY_DEFAULTS, cooldownMs: 600_000 };
  const deps = { reader: registry, clock, journal: undefined, environment: {}, isInMaintenance: () => false };
  const recovery = new Recovery([rule], { ...deps, gate: { ...OPEN, ...gate } });
  t.after(async () => {
    await recovery.stop();
    unsubscribe();
    engine.stop();
  });
  const count = (name: string) => steps.filter(({ step }) => step === name).length;
  for (let second = 0; second < 300; second += 1) {
    await clock.advance(1_000);
    await eventually(() => count("started") === count("ended"), "the program ends");
  }
  return steps;
}

const words = (steps: readonly Published<"recovery">[]) =>
  steps.map((each) => (each.step === "refused" ? `refused ${each.cause}` : each.step));

test("a member that owns the failing check restarts, once in the cool-down", async (t) => {
  const claims: string[] = [];
  const claim = async (service: string, ms: number) => {
    claims.push(`${service} ${ms >= 600_000}`);
    return true;
  };
  assert.deepEqual(words(await stepsWith(t, { claim })), ["started", "ended"]);
  assert.deepEqual(claims, ["s true"]);
});

test("a member that does not own the failing check restarts nothing", async (t) => {
  assert.deepEqual(words(await stepsWith(t, { owns: () => false })), []);
});

for (const cause of ["detached", "leaving"] as const)
  test(`a member that is ${cause} restarts nothing, and says so once`, async (t) => {
    assert.deepEqual(words(await stepsWith(t, { refusal: () => cause })), [`refused ${cause}`]);
  });

test("a member restarts nothing for which another one has the run, or the store does not answer", async (t) => {
  let claims = 0;
  const claim = async () => {
    claims += 1;
    return false;
  };
  assert.deepEqual(words(await stepsWith(t, { claim })), []);
  assert.equal(claims, 1, "it waits for the cool-down");
});

test("a member that is detached while it claims the run restarts nothing", async (t) => {
  let isDetached = false;
  const claim = async () => {
    isDetached = true;
    return true;
  };
  const refusal = () => (isDetached ? "detached" : undefined);
  const steps = words(await stepsWith(t, { claim, refusal }));
  assert.ok(!steps.includes("started"), steps.join());
});
