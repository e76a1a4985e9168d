import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { BrokenCall, Unanswered } from "../../src/client/broken-call.js";
import { type ReusableConnection, ReusedConnection, type ReuseOptions } from "../../src/client/reused-connection.js";
import { VirtualClock } from "../support/virtual-clock.js";

class Connection implements ReusableConnection {
  isOpen = true;
  isRef = true;
  closedWith: Error | undefined;
  readonly certificateEndsAt: number | undefined;
  connectError: Error | undefined;
  isMoved = false;
  onClose: (error: Error) => void = () => {};

  constructor(number: number) {
    this.certificateEndsAt = number * 1_000;
  }

  hasMoved(): boolean {
    return this.isMoved;
  }

  ref(): void {
    this.isRef = true;
  }

  unref(): void {
    this.isRef = false;
  }

  close(error: Error = new Error("closed")): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.closedWith = error;
    this.onClose(error);
  }
}

/** A reused connection, and every connection that it has opened. */
function bench(options: Partial<ReuseOptions> = {}) {
  const opened: Connection[] = [];
  const clock = new VirtualClock();
  const open = () => {
    const connection = new Connection(opened.length + 1);
    opened.push(connection);
    return connection;
  };
  const reused = new ReusedConnection(open, { reuse: true, maxAgeMs: 1_000, clock, random: () => 0, ...options });
  return { reused, opened, clock };
}

const answer = async () => "answer";

/** A call that ends with its connection. */
const hanging = (connection: Connection) =>
  new Promise<string>((_, reject) => {
    connection.onClose = (error) => reject(new Unanswered(error));
  });

const lost = async (): Promise<string> => {
  throw new Unanswered(new BrokenCall("closed", "lost"));
};

const isKind = (kind: string) => (error: unknown) => error instanceof BrokenCall && error.kind === kind;

test("the age varies by at most a tenth, downwards: many connections are not replaced in step", async () => {
  for (const [random, ageMs] of [
    [0, 1_000],
    [0.5, 950],
    [0.999, 900.1],
  ] as const) {
    const { reused, opened, clock } = bench({ random: () => random });
    await reused.call(1, answer);
    await clock.advance(ageMs - 0.2);
    await reused.call(1, answer);
    assert.equal(opened.length, 1, `young for ${random}`);
    await clock.advance(0.4);
    await reused.call(1, answer);
    assert.equal(opened.length, 2, `old for ${random}`);
    assert.equal(opened[0]?.isOpen, false);
  }
});

test("a call knows whether its connection is new; a kept one does not keep the process alive", async () => {
  const { reused, opened } = bench();
  const seen: [boolean, boolean][] = [];
  const ask = async (connection: Connection, isNew: boolean) => void seen.push([isNew, connection.isRef]);
  await reused.call(1, ask);
  assert.equal(opened[0]?.isRef, false);
  await reused.call(1, ask);
  assert.deepEqual(seen, [
    [true, true],
    [false, true],
  ]);
});

test("a lost call is made once more on a new connection, if its own was a kept one", async () => {
  const { reused, opened } = bench();
  let calls = 0;
  const ask = async () => {
    calls += 1;
    if (calls > 1) return lost();
    return "answer";
  };
  await reused.call(1, ask);
  await assert.rejects(reused.call(1, ask), isKind("closed"));
  assert.deepEqual([calls, opened.length], [3, 2], "the second attempt is the last");
  await assert.rejects(bench().reused.call(1, lost), isKind("closed"));
});

test("another error is told at once, and the connection stays as it is", async () => {
  const { reused, opened } = bench();
  await reused.call(1, answer);
  await assert.rejects(
    reused.call(1, async () => {
      throw new BrokenCall("reset", "stream");
    }),
    isKind("reset"),
  );
  assert.deepEqual([opened.length, opened[0]?.isOpen], [1, true]);
});

test("a call that was refused unprocessed is made once more on a new connection, also after a new one", async () => {
  const { reused, opened } = bench();
  let calls = 0;
  const refused = async () => {
    calls += 1;
    throw new Unanswered(new BrokenCall("unprocessed", "refused"));
  };
  await assert.rejects(reused.call(1, refused), isKind("unprocessed"));
  assert.deepEqual([calls, opened.length, opened[0]?.isOpen], [2, 2, false]);
});

test("cancel ends the call that runs, in the first attempt and in the second, and nothing is asked again", async () => {
  const { reused, opened } = bench();
  await reused.call(1, answer);
  const first = reused.call(1, hanging);
  reused.cancel();
  await assert.rejects(first, isKind("cancelled"));
  assert.equal(opened.length, 1);
  await reused.call(1, answer);
  let attempts = 0;
  const second = reused.call(1, (connection) => {
    attempts += 1;
    return attempts === 1 ? lost() : hanging(connection);
  });
  await new Promise((resolve) => setImmediate(resolve));
  reused.cancel();
  await assert.rejects(second, isKind("cancelled"));
  assert.deepEqual([attempts, opened.length], [2, 3]);
});

test("cancel between two calls leaves the kept connection alone; close ends it", async () => {
  const { reused, opened } = bench();
  await reused.call(1, answer);
  reused.cancel();
  assert.equal(opened[0]?.isOpen, true);
  reused.close();
  assert.equal(opened[0]?.isOpen, false);
});

test("with reuse: false the connection is closed after its call, and its certificate is still known", async () => {
  const { reused, opened } = bench({ reuse: false });
  for (let round = 1; round <= 2; round += 1) {
    await reused.call(1, answer);
    assert.deepEqual([opened.length, opened.at(-1)?.isOpen, reused.current], [round, false, undefined]);
    assert.equal(reused.certificateEndsAt, round * 1_000);
  }
});

test("a kept connection whose name has moved is replaced", async () => {
  const { reused, opened } = bench();
  await reused.call(1, answer);
  await reused.call(1, answer);
  assert.equal(opened.length, 1);
  Object.assign(opened[0] ?? {}, { isMoved: true });
  await reused.call(1, answer);
  assert.deepEqual([opened.length, opened[0]?.isOpen], [2, false]);
});

test("a kept connection is replaced when its certificate ends; one that had ended before it was opened is kept", async () => {
  const clock = new VirtualClock();
  const endsAt = clock.wallTime() + 500;
  const opened: Connection[] = [];
  const open = () => {
    const connection = Object.assign(new Connection(1), { certificateEndsAt: endsAt });
    opened.push(connection);
    return connection;
  };
  const reused = new ReusedConnection(open, { reuse: true, maxAgeMs: 10_000, clock, random: () => 0 });
  await reused.call(1, answer);
  await clock.advance(499);
  await reused.call(1, answer);
  assert.equal(opened.length, 1, "valid");
  await clock.advance(1);
  await reused.call(1, answer);
  assert.equal(opened.length, 2, "ended");
  await reused.call(1, answer);
  assert.equal(opened.length, 2, "not verified");
});

test("a call that is cancelled while there is no connection rejects with the reason", async () => {
  const { reused, opened } = bench();
  const call = reused.call(1, hanging);
  const reason = Object.assign(new Error("no name server has answered"), { code: "EAI_AGAIN" });
  Object.assign(opened[0] ?? {}, { connectError: reason });
  reused.cancel();
  await assert.rejects(call, reason);
});

/** Every file of ours that a file loads, and every module of Node and of others. */
function loadedBy(file: URL, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(file.href)) return seen;
  seen.add(file.href);
  const text = readFileSync(file, "utf8");
  for (const [, from = ""] of text.matchAll(/^(?:import|export)\b(?! type)[^;]*?from "([^"]+)";/gm))
    if (from.startsWith(".")) loadedBy(new URL(from.replace(/\.js$/, ".ts"), file), seen);
    else seen.add(from);
  return seen;
}

test("the gRPC client loads neither node:http2 nor a package", () => {
  const modules = [...loadedBy(new URL("../../src/client/health-stub.ts", import.meta.url))];
  const others = modules.filter((name) => !name.startsWith("file:"));
  assert.ok(modules.some((name) => name.endsWith("/http2-connection.ts")));
  assert.ok(others.includes("node:net"));
  assert.deepEqual(
    others.filter((name) => !name.startsWith("node:") || name.startsWith("node:http")),
    [],
  );
});
