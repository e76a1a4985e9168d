/** The store of a fleet on a real Redis: alone, with a user of few rights, with TLS, and with each of its faults. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../../src/core/clock.js";
import { openStore } from "../../../src/fleet/store/open-store.js";
import { type FleetStore, StoreError } from "../../../src/fleet/store/store.js";
import { parseStoreUrl } from "../../../src/fleet/store/store-url.js";
import { storeSuite } from "../../fleet/store/store-suite.js";
import { eventually, pause } from "../../support/eventually.js";
import { debian } from "../install.js";
import { accepting, type Running, run } from "../peers.js";
import { CA, CLIENT, OTHER_CA, PASSWORD, type Prepared, prepareRedis } from "../real-servers.js";

const RUN = "0123456789abcdef01234567";
const DEADLINE_MS = 1_500;

/** What a user of a fleet needs, as in the comment of redis-store.ts. */
const RIGHTS =
  "resetchannels -@all +multi +exec +hgetall +hget +hlen +hset +hdel +hscan +pexpire +xadd +xread +xrevrange +unlink +rename +set +get";

let folder: string;
let prepared: Prepared;
let redis: Running;
const opened: FleetStore[] = [];

async function open(url: string, { fleet = "prod", ca = CA } = {}): Promise<FleetStore> {
  const store = await openStore(parseStoreUrl(url), {
    fleet,
    deadlineMs: DEADLINE_MS,
    clock: systemClock,
    tls: { ca, ...CLIENT },
  });
  opened.push(store);
  return store;
}

/** A command of an administrator. */
async function admin(...args: string[]): Promise<string> {
  const { stdout } = await run(debian("redis-cli", "redis-tools"), ["-p", `${prepared.port}`, "-n", "0", ...args], {
    REDISCLI_AUTH: PASSWORD,
  });
  return stdout.trim();
}

async function start(...args: string[]): Promise<void> {
  redis = prepared.start(...args);
  await accepting(prepared.port);
}

const url = (login = {}) => prepared.url({ path: "/0", ...login });

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "fleet-redis-"));
  prepared = await prepareRedis(folder);
  await start();
});

after(async () => {
  for (const store of opened) await store.close();
  await redis.stop();
  rmSync(folder, { recursive: true });
});

describe("Redis, with a user that has the documented rights alone", () => {
  storeSuite("Redis", () => ({
    connect: async (fleet) => {
      const answer = await admin(
        "ACL",
        "SETUSER",
        fleet,
        "on",
        `>${PASSWORD}`,
        `~{healthbridge:${fleet}}:*`,
        ...RIGHTS.split(" "),
      );
      assert.equal(answer, "OK");
      return open(url({ user: fleet }), { fleet });
    },
    flush: async () => void (await admin("FLUSHALL")),
    pass: pause,
  }));
});

describe("Redis", () => {
  test("all keys of a fleet have one hash tag, and all of them expire", async () => {
    const store = await open(url(), { fleet: "keys" });
    await store.beat(RUN, "1");
    await store.write({ run: RUN, head: "h", cells: new Map([["a", "x"]]) });
    await store.rewrite(RUN, "h", new Map([["a", "x"]]));
    await store.beat(RUN, "1");
    await store.keepText("d", "definitions");
    await store.hold("notifier", RUN, 5_000);
    const keys = (await admin("KEYS", "*keys*")).split("\n").sort();
    const names = ["beats", `cells:${RUN}`, "lease:notifier", "log", "text:d"];
    assert.deepEqual(
      keys,
      names.map((name) => `{healthbridge:keys}:${name}`),
    );
    for (const key of keys) assert.ok(Number(await admin("PTTL", key)) > 0, `${key} expires`);
  });

  test("a database has the data of its number", async () => {
    const [zero, three] = [await open(url()), await open(url({ path: "/3" }))];
    await three.keepText("database", "three");
    assert.equal(await zero.text("database"), undefined);
    assert.equal(await (await open(url({ path: "/3" }))).text("database"), "three");
  });

  test("over TLS the certificate is verified", async () => {
    const store = await open(url({ tls: true }));
    await store.beat(RUN, "1");
    const stranger = await open(url({ tls: true }), { ca: OTHER_CA });
    const error = await failureOf(stranger.beat(RUN, "1"));
    assert.equal(error.code, "unreachable");
    assert.match(error.message, /certificate/);
  });

  test("beats beyond 4,096 are removed and not read: live members write theirs again", async () => {
    const store = await open(url(), { fleet: "filled" });
    const fill = async (count: number) => {
      const fields = Array.from({ length: count }, (_, index) => [`forged-${index}`, "x"]).flat();
      for (let at = 0; at < fields.length; at += 1_000)
        await admin("HSET", "{healthbridge:filled}:beats", ...fields.slice(at, at + 1_000));
    };
    await fill(4_096);
    assert.equal((await store.beat(RUN, "1")).beats.size, 4_096);
    assert.equal((await store.beat(RUN, "2")).beats.size, 0);
    assert.deepEqual((await store.beat(RUN, "3")).beats, new Map([[RUN, "2"]]));
  });

  test("an evicted key is told: beats, cells and the log", async () => {
    const store = await open(url(), { fleet: "evicted" });
    await store.beat(RUN, "1");
    await store.write({ run: RUN, head: "h", cells: new Map([["a", "x"]]) });
    const { position } = await store.read("0-0");
    await admin("DEL", `{healthbridge:evicted}:cells:${RUN}`);
    assert.deepEqual(await store.beat(RUN, "2"), { beats: new Map([[RUN, "1"]]), head: undefined, cellCount: 0 });
    await admin("DEL", "{healthbridge:evicted}:beats", "{healthbridge:evicted}:log");
    assert.deepEqual((await store.beat(RUN, "3")).beats, new Map());
    // a log that starts again with ids of the past: the server's clock was set back
    await admin("XADD", "{healthbridge:evicted}:log", "5-1", RUN, "h2", "b", "y");
    let place = position;
    await eventually(async () => {
      const page = await store.read(place);
      place = page.position;
      return page.entries[0]?.cells.get("b") === "y";
    }, "the log is read from its start");
  });

  test("a wrong password is refused, and is in no error", async () => {
    const error = await failureOf((await open(url({ password: "wrong-Word" }))).beat(RUN, "1"));
    assert.equal(error.code, "refused");
    assert.match(error.message, /^redis:\/\/127\.0\.0\.1:\d+: WRONGPASS/);
    assert.doesNotMatch(error.message, /wrong-Word/);
    assert.equal(
      (await failureOf((await open(url({ user: "nobody", password: "wrong-Word" }))).beat(RUN, "1"))).code,
      "refused",
    );
    assert.equal((await failureOf((await open(url({ password: "" }))).beat(RUN, "1"))).code, "refused");
  });

  test("a user without EXEC is refused", async () => {
    const rights = RIGHTS.replace(" +exec", "").split(" ");
    await admin("ACL", "SETUSER", "noexec", "on", `>${PASSWORD}`, "~{healthbridge:prod}:*", ...rights);
    const { code, fault, message } = await failureOf((await open(url({ user: "noexec" }))).beat(RUN, "1"));
    assert.deepEqual([code, fault, /NOPERM.*'exec'/.test(message)], ["refused", "refused", true]);
  });

  test("a command that the user may not send is refused, and the others go on", async () => {
    await admin("ACL", "SETUSER", "few", "on", `>${PASSWORD}`, "~*", ...RIGHTS.split(" "), "-xadd");
    const store = await open(url({ user: "few" }), { fleet: "few" });
    await store.beat(RUN, "1");
    const error = await failureOf(store.write({ run: RUN, head: "h", cells: new Map([["a", "x"]]) }));
    assert.equal(error.code, "refused");
    assert.match(error.message, /NOPERM/);
    const { head, beats } = await store.beat(RUN, "2");
    assert.deepEqual({ head, beats }, { head: undefined, beats: new Map([[RUN, "1"]]) });
  });

  test("a read-only replica and a server without memory refuse writes, and take them again later", async () => {
    const store = await open(url(), { fleet: "refused" });
    await store.beat(RUN, "1");
    await admin("REPLICAOF", "127.0.0.1", "1");
    const readOnly = await failureOf(store.beat(RUN, "2"));
    assert.deepEqual(
      [readOnly.code, readOnly.fault, /READONLY/.test(readOnly.message)],
      ["refused", "read-only", true],
    );
    await admin("REPLICAOF", "NO", "ONE");
    await eventually(() => succeeds(store.beat(RUN, "3")), "a beat is taken again");
    await admin("CONFIG", "SET", "maxmemory", "1");
    const full = await failureOf(store.beat(RUN, "4"));
    assert.deepEqual([full.code, full.fault, /OOM/.test(full.message)], ["refused", "out-of-memory", true]);
    await admin("CONFIG", "SET", "maxmemory", "0");
    await eventually(() => succeeds(store.beat(RUN, "5")), "a beat is taken again");
  });

  test("a key of another type is an error of that call", async () => {
    const store = await open(url(), { fleet: "typed" });
    await admin("SET", "{healthbridge:typed}:log", "text");
    assert.equal((await failureOf(store.read("0-0"))).code, "protocol");
    await store.beat(RUN, "1");
  });

  test("a server that stands still: each call ends at its deadline, and a new connection is used then", async () => {
    const store = await open(url(), { fleet: "still" });
    await store.beat(RUN, "1");
    await admin("CLIENT", "PAUSE", "4000", "ALL");
    const startedAt = performance.now();
    const { code, message } = await failureOf(store.beat(RUN, "2"));
    assert.equal(code, "timeout");
    assert.match(message, /^rediss?:\/\/\S+: no answer within 1500 ms$/);
    assert.ok(performance.now() - startedAt < DEADLINE_MS + 1_000);
    await eventually(() => succeeds(store.beat(RUN, "3")), "a beat is taken again");
  });

  test("a server that is killed: calls are rejected at once, and succeed when it is back, with nothing queued", async () => {
    const store = await open(url(), { fleet: "killed" });
    await store.beat(RUN, "1");
    await redis.stop();
    const call = failureOf(eventually(() => store.beat(RUN, "2").then(() => false), "the connection has ended"));
    assert.match((await call).message, /closed unexpectedly|ECONNRE/);
    const startedAt = performance.now();
    const outcomes = await Promise.all(Array.from({ length: 1_000 }, () => succeeds(store.beat(RUN, "3"))));
    assert.ok(!outcomes.includes(true));
    assert.ok(performance.now() - startedAt < DEADLINE_MS);
    await start();
    await eventually(() => succeeds(store.beat(RUN, "4")), "a beat is taken again");
    assert.equal((await store.beat(RUN, "5")).beats.get(RUN), "4");
  });

  for (const spoilt of ["beats", `cells:${RUN}`, "log"])
    test(`a key that has another type is written anew: ${spoilt}`, async () => {
      const store = await open(url(), { fleet: "spoilt" });
      const key = `{healthbridge:spoilt}:${spoilt}`;
      await admin("DEL", key);
      await admin("SET", key, "something else");
      const call = async () => {
        await store.beat(RUN, "1");
        await store.write({ run: RUN, head: "h", cells: new Map([["a", "x"]]) });
      };
      assert.equal((await failureOf(call())).code, "protocol");
      await call();
      assert.equal((await store.cells(RUN))?.cells.get("a"), "x");
    });

  test("a log that has the highest of all ids is written anew", async () => {
    const store = await open(url(), { fleet: "spoilt" });
    await admin("DEL", "{healthbridge:spoilt}:log");
    await admin("XADD", "{healthbridge:spoilt}:log", "18446744073709551615-18446744073709551615", "a", "b");
    const write = () => store.write({ run: RUN, head: "h", cells: new Map([["a", "x"]]) });
    assert.equal((await failureOf(write())).code, "protocol");
    await write();
  });

  test("the answer of another kind of server is in the error", async () => {
    const server = createServer(
      (socket) => void socket.on("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
    );
    await once(server.listen(0, "127.0.0.1"), "listening");
    try {
      const store = await open(`redis://hb:s3cret@127.0.0.1:${Object(server.address()).port}`);
      const { code, message } = await failureOf(store.beat(RUN, "1"));
      assert.deepEqual([code, /Unknown RESP type/.test(message)], ["unreachable", true], message);
    } finally {
      server.close();
    }
  });

  test("a server that is frozen while members connect is an error in time", async () => {
    await redis.freeze();
    const store = await open(url(), { fleet: "frozen" });
    const startedAt = performance.now();
    assert.equal((await failureOf(store.beat(RUN, "1"))).code, "timeout");
    assert.ok(performance.now() - startedAt < DEADLINE_MS + 1_000);
    redis.signal("SIGCONT");
    await eventually(() => succeeds(store.beat(RUN, "2")), "a beat is taken");
  });
});

async function failureOf(call: Promise<unknown>): Promise<StoreError> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof StoreError, `not a StoreError: ${error}`);
    return error;
  }
  assert.fail("the call has succeeded");
}

async function succeeds(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    assert.ok(error instanceof StoreError, `not a StoreError: ${error}`);
    return false;
  }
}
