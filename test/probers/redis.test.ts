import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { openTarget } from "../../src/probers/schemes.js";
import { probe, verdict } from "./probing.js";
import { rawTarget, type Target } from "./targets.js";

/** A server that answers each chunk of commands as `answer` says; it records what it received. */
async function redis(answer: (said: string, socket: Socket) => string | undefined) {
  const received: string[] = [];
  const target = await rawTarget((socket) => {
    socket.on("end", () => socket.end());
    socket.on("data", (bytes) => {
      received.push(bytes.toString());
      const text = answer(bytes.toString(), socket);
      if (text !== undefined) socket.write(text);
    });
  });
  return { target, received };
}

async function end(prober: { close(): void }, target: Target): Promise<void> {
  prober.close();
  await target.disconnected();
  await target.stop();
}

test("PONG passes; login and database are sent once, on a connection that is kept", async () => {
  const { target, received } = await redis(
    (said) => `${"+OK\r\n".repeat((said.match(/\*/g)?.length ?? 0) - 1)}+PONG\r\n`,
  );
  const prober = openTarget(`redis://me:p%20w@127.0.0.1:${target.port}/3`);
  for (let round = 0; round < 3; round += 1) assert.equal(await verdict(prober), "pass");
  const auth = "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$3\r\np w\r\n";
  const select = "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n";
  const ping = "*1\r\n$4\r\nPING\r\n";
  assert.deepEqual([received, target.accepted], [[auth + select + ping, ping, ping], 1]);
  await end(prober, target);
});

test("a connection that is kept for long collects no listeners", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on("warning", onWarning);
  const { target } = await redis(() => "+PONG\r\n");
  const prober = openTarget(`redis://127.0.0.1:${target.port}`);
  for (let round = 0; round < 30; round += 1) assert.equal(await verdict(prober), "pass");
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", onWarning);
  assert.deepEqual(warnings, []);
  await end(prober, target);
});

test("with reuse: false, every probe opens its own connection", async () => {
  const { target } = await redis(() => "+PONG\r\n");
  const prober = openTarget(`redis://127.0.0.1:${target.port}`, undefined, { reuse: false });
  for (let round = 0; round < 3; round += 1) assert.equal(await verdict(prober), "pass");
  assert.equal(target.accepted, 3);
  await end(prober, target);
});

test("a kept connection that ends just when it is used again is no failure: a new one decides", async () => {
  const used = new WeakSet<Socket>();
  const { target } = await redis((_, socket) => {
    if (used.has(socket)) {
      socket.end();
      return undefined;
    }
    used.add(socket);
    return "+PONG\r\n";
  });
  const prober = openTarget(`redis://127.0.0.1:${target.port}`);
  for (let round = 0; round < 3; round += 1) assert.equal(await verdict(prober), "pass");
  await end(prober, target);
});

for (const [error, expected] of [
  ["-NOAUTH Authentication required.", "fail auth"],
  ["-WRONGPASS invalid username-password pair", "fail auth"],
  ["-LOADING Redis is loading the dataset in memory", "fail unavailable"],
  ["-MASTERDOWN Link with MASTER is down", "fail unavailable"],
  ["-ERR unknown command", "fail answer"],
  ["+NOPE", "fail answer"],
] as const) {
  test(`${error} is ${expected}`, async () => {
    const { target } = await redis(() => `${error}\r\n`);
    const prober = openTarget(`redis://127.0.0.1:${target.port}`);
    assert.equal(await verdict(prober), expected);
    await end(prober, target);
  });
}

for (const [label, bytes] of [
  ["another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n"],
  ["garbage after a good line", "+OK\r\nwhat?\r\n"],
  ["64 KiB without a line's end", `+${"x".repeat(70_000)}`],
] as const) {
  test(`${label} fails as protocol, and the connection is closed [C37]`, async () => {
    const { target } = await redis(() => bytes);
    const prober = openTarget(`redis://:secret@127.0.0.1:${target.port}`);
    const { reason, detail = "" } = await probe(prober);
    assert.equal(reason, "protocol");
    assert.ok(!detail.includes("secret"));
    await target.disconnected();
    await end(prober, target);
  });
}

test("half an answer and then the end of the connection is a failure", async () => {
  const { target } = await redis((_, socket) => {
    socket.end("+PO");
    return undefined;
  });
  const prober = openTarget(`redis://127.0.0.1:${target.port}`);
  assert.equal(await verdict(prober), "fail closed");
  await end(prober, target);
});

test("a path that is not a database number is refused", () => {
  assert.throws(() => openTarget("redis://h/users"), /number of a database/);
});

for (const [label, userInfo, options, words] of [
  ["a password alone", "", { password: "p#s/s" }, ["AUTH", "p#s/s"]],
  ["a user and a password", "", { user: "me", password: "100%" }, ["AUTH", "me", "100%"]],
  ["the password of a user in the URL", "me@", { password: "a%41b" }, ["AUTH", "me", "a%41b"]],
  ["a user without a password", "", { user: "me" }, ["AUTH", "me", ""]],
] as const)
  test(`${label}, given as an option, is sent as it is`, async () => {
    const { target, received } = await redis(() => "+OK\r\n+PONG\r\n");
    const prober = openTarget(`redis://${userInfo}127.0.0.1:${target.port}`, undefined, options);
    assert.equal(await verdict(prober), "pass");
    const sent = words.map((word) => `$${word.length}\r\n${word}\r\n`).join("");
    assert.equal(received[0], `*${words.length}\r\n${sent}*1\r\n$4\r\nPING\r\n`);
    await end(prober, target);
  });
