/** What a webhook tells, and when: the pure state, on a clock that the test moves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { WatchStatus } from "../../src/core/serving-status.js";
import { type NotificationRules, NotificationState, type OutageView } from "../../src/hooks/notification-state.js";
import { fold, type Message, type ToldChange } from "../../src/hooks/webhook-message.js";

const RULES: NotificationRules = {
  delayMs: 10_000,
  groupWaitMs: 5_000,
  repeatIntervalMs: undefined,
  sendResolved: true,
  repeatsAll: false,
};

/** A state with its clock and the messages that it has made. */
class Told {
  readonly messages: Message[] = [];
  readonly silent = new Set<string>();
  readonly state: NotificationState;
  now = 0;
  #sequence = 0;

  constructor(rules: Partial<NotificationRules> = {}, told: ReadonlyMap<string, ToldChange> = new Map()) {
    const view: OutageView = {
      isSilent: (service, status) => status === "NOT_SERVING" && this.silent.has(service),
      explain: () => ({ reason: "timeout", causes: [], severity: "critical" }),
    };
    this.state = new NotificationState({ ...RULES, ...rules }, view, told, this.now);
  }

  see(service: string, status: WatchStatus): void {
    this.#sequence += 1;
    this.state.observe(service, { status, id: `e-${this.#sequence}`, at: this.now }, this.now);
  }

  /** Lets time pass as the owner of the state does: it takes what is due whenever something is. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (let steps = 0; this.state.dueAt <= end; steps += 1) {
      assert.ok(steps < 10_000, "the state asks to be called again and again");
      this.now = Math.max(this.now, this.state.dueAt);
      const due = this.state.take(this.now, this.now);
      if (due?.message !== undefined) this.messages.push(due.message);
    }
    this.now = end;
  }

  /** The messages, each as its changes. */
  get texts(): readonly string[] {
    return this.messages.map(({ kind, changes }) => {
      const text = changes.map(({ service, status }) => `${service} ${status}`).join(", ");
      return kind === "reminder" ? `reminder: ${text}` : text;
    });
  }
}

test("an outage is told after the delay and the wait for others, and its end as well", () => {
  const told = new Told();
  told.see("a", "SERVING");
  told.pass(60_000);
  told.see("a", "NOT_SERVING");
  told.pass(14_999);
  assert.deepEqual(told.texts, []);
  told.pass(1);
  assert.deepEqual(told.texts, ["a NOT_SERVING"]);
  told.see("a", "SERVING");
  told.pass(60_000);
  assert.deepEqual(told.texts, ["a NOT_SERVING", "a SERVING"]);
  assert.deepEqual(told.messages[1]?.changes[0], {
    ...{ id: "e-3", service: "a", status: "SERVING", at: 75_000, since: 60_000 },
    ...{ reason: undefined, causes: [], severity: "critical" },
  });
});

test("a service that changes back within the delay is not told, and one that flaps neither", () => {
  const told = new Told();
  for (let round = 0; round < 20; round += 1) {
    told.see("a", "NOT_SERVING");
    told.pass(9_000);
    told.see("a", "SERVING");
    told.pass(9_000);
  }
  assert.deepEqual(told.texts, []);
});

test("an outage of 20 services within the wait is one message", () => {
  const told = new Told();
  for (let index = 0; index < 20; index += 1) {
    told.see(`s${index}`, "NOT_SERVING");
    told.pass(200);
  }
  told.pass(60_000);
  assert.equal(told.messages.length, 1);
  assert.equal(told.messages[0]?.changes.length, 20);
});

test("a change that is over before the message of its group is made is not in it", () => {
  const told = new Told();
  told.see("a", "NOT_SERVING");
  told.see("b", "NOT_SERVING");
  told.pass(12_000);
  told.see("a", "SERVING");
  told.pass(60_000);
  assert.deepEqual(told.texts, ["b NOT_SERVING"]);
});

test("UNKNOWN is neither an outage nor its end", () => {
  const told = new Told();
  told.see("a", "UNKNOWN");
  told.pass(60_000);
  told.see("a", "NOT_SERVING");
  told.pass(60_000);
  told.see("a", "UNKNOWN");
  told.pass(60_000);
  told.see("a", "NOT_SERVING");
  told.pass(60_000);
  assert.deepEqual(told.texts, ["a NOT_SERVING"]);
  told.see("a", "UNKNOWN");
  told.see("a", "SERVING");
  told.pass(60_000);
  assert.deepEqual(told.texts, ["a NOT_SERVING", "a SERVING"]);
});

test("a service that is removed ends its outage, and one without an outage is not told", () => {
  const told = new Told();
  told.see("a", "NOT_SERVING");
  told.pass(60_000);
  told.see("a", "SERVICE_UNKNOWN");
  told.see("b", "SERVICE_UNKNOWN");
  told.pass(60_000);
  assert.deepEqual(told.texts, ["a NOT_SERVING", "a SERVICE_UNKNOWN"]);
});

test("an outage during a maintenance is told when that is over, and the end of a told one meanwhile", () => {
  const told = new Told();
  told.see("a", "NOT_SERVING");
  told.pass(60_000);
  for (const service of ["a", "b", "c"]) told.silent.add(service);
  for (const service of ["b", "c"]) told.see(service, "NOT_SERVING");
  told.pass(600_000);
  told.see("a", "SERVING");
  told.pass(600_000);
  assert.deepEqual(told.texts, ["a NOT_SERVING", "a SERVING"]);
  told.see("c", "SERVING");
  told.silent.clear();
  told.pass(15_000);
  assert.deepEqual(told.texts, ["a NOT_SERVING", "a SERVING", "b NOT_SERVING"]);
});

test("an outage that goes on is told again, but not one that is silent or over", () => {
  const told = new Told({ repeatIntervalMs: 60_000 });
  for (const service of ["a", "b", "c"]) told.see(service, "NOT_SERVING");
  told.pass(15_000);
  told.see("a", "SERVING");
  told.silent.add("b");
  told.pass(59_999);
  assert.deepEqual(told.texts, ["a NOT_SERVING, b NOT_SERVING, c NOT_SERVING", "a SERVING"]);
  told.pass(60_000);
  assert.deepEqual(told.texts.slice(2), ["reminder: c NOT_SERVING"]);
  told.pass(10_000);
  told.see("c", "SERVING");
  told.pass(600_000);
  assert.deepEqual(told.texts.slice(3), ["c SERVING"], "its end waits when the next reminder is due");
});

test("each reminder has an id of its own", () => {
  const told = new Told({ repeatIntervalMs: 60_000 });
  told.see("a", "NOT_SERVING");
  told.pass(400_000);
  const ids = told.messages.map(({ id }) => id);
  assert.ok(ids.length > 5);
  assert.equal(new Set(ids).size, ids.length);
});

test("without sendResolved, only outages are told", () => {
  const told = new Told({ sendResolved: false });
  for (const status of ["NOT_SERVING", "SERVING", "NOT_SERVING"] as const) {
    told.see("a", status);
    told.pass(60_000);
  }
  assert.deepEqual(told.texts, ["a NOT_SERVING", "a NOT_SERVING"]);
});

test("what an earlier process has told is compared with what is found", () => {
  const outage = (service: string): ToldChange => ({
    ...{ id: `old-${service}`, service, status: "NOT_SERVING", at: -5_000, since: -5_000 },
    ...{ reason: "timeout", causes: [], severity: "warning" },
  });
  const told = new Told({}, new Map(["ended", "goes-on"].map((service) => [service, outage(service)])));
  told.see("ended", "SERVING");
  told.see("goes-on", "NOT_SERVING");
  told.see("new", "NOT_SERVING");
  told.pass(60_000);
  assert.deepEqual(told.texts, ["ended SERVING, new NOT_SERVING"]);
  assert.deepEqual(told.messages[0]?.changes[0]?.severity, "warning", "as at its beginning");
});

const SERVICES = ["a", "b", "c"] as const;
const STATUSES = ["SERVING", "NOT_SERVING", "UNKNOWN", "SERVICE_UNKNOWN"] as const;

const steps = fc.array(
  fc.oneof(
    fc.record({ service: fc.constantFrom(...SERVICES), status: fc.constantFrom(...STATUSES) }),
    fc.record({ passMs: fc.integer({ min: 0, max: 30_000 }) }),
    fc.record({ toggleSilence: fc.constantFrom(...SERVICES) }),
    fc.record({ fold: fc.nat() }),
  ),
  { maxLength: 80 },
);

test("after any sequence, what was told last is what is so, and outages and their ends alternate", () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const told = new Told();
      const last = new Map<string, WatchStatus>();
      for (const step of sequence) {
        if ("status" in step) {
          told.see(step.service, step.status);
          if (step.status !== "UNKNOWN") last.set(step.service, step.status);
        } else if ("passMs" in step) told.pass(step.passMs);
        else if ("fold" in step) foldAt(told.messages, step.fold);
        else if (!told.silent.delete(step.toggleSilence)) told.silent.add(step.toggleSilence);
      }
      // after the last change everything is loud, and long enough as it is
      told.silent.clear();
      for (const [service, status] of last) told.see(service, status);
      told.pass(120_000);
      for (const service of SERVICES) {
        const statuses = told.messages.flatMap(({ changes }) =>
          changes.filter((change) => change.service === service).map(({ status }) => status === "NOT_SERVING"),
        );
        for (const [index, isOutage] of statuses.entries()) assert.equal(isOutage, index % 2 === 0);
        assert.equal(statuses.at(-1) ?? false, last.get(service) === "NOT_SERVING", service);
      }
      const ids = told.messages.flatMap(({ changes }) => changes.map(({ id }) => id));
      assert.equal(new Set(ids).size, ids.length, "no change has the id of another");
    }),
    { numRuns: 500 },
  );
});

/** Folds two messages that follow each other, as a full queue does. */
function foldAt(messages: Message[], seed: number): void {
  if (messages.length < 2) return;
  const at = seed % (messages.length - 1);
  const [first, second] = messages.slice(at, at + 2);
  if (first !== undefined && second !== undefined) messages.splice(at, 2, fold(first, second));
}

test("a folded message counts the changes that it leaves out", () => {
  const change = (id: string, status: "NOT_SERVING" | "SERVING"): ToldChange => ({
    ...{ id, service: "a", status, at: 0, since: 0, reason: undefined, causes: [], severity: "critical" },
  });
  const message = (id: string, ...changes: readonly ToldChange[]): Message => ({
    ...{ id, kind: "change", at: 0, changes, omitted: 0 },
  });
  const both = fold(message("1", change("1", "NOT_SERVING")), message("2", change("2", "SERVING")));
  assert.deepEqual([both.id, both.changes, both.omitted], ["2", [], 2]);
  const three = fold(both, message("3", change("3", "NOT_SERVING")));
  assert.deepEqual([three.id, three.changes.length, three.omitted], ["3", 1, 2]);
});

test("10,000 services that fail at once are told in messages of at most 1,000", () => {
  const told = new Told();
  for (let index = 0; index < 10_000; index += 1) told.see(`s${index}`, "NOT_SERVING");
  told.pass(60_000);
  assert.equal(told.messages.length, 10);
});
