import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { NameResolver } from "../../src/client/resolver.js";
import { systemClock } from "../../src/core/clock.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { eventually, inTime, pause } from "../support/eventually.js";
import { NameServer } from "../support/name-server.js";
import { checking, withTarget } from "./grpc-fixture.js";
import { probe, verdict } from "./probing.js";
import * as targets from "./targets.js";

const { answer, begin, framed, goaway, NOT_SERVING, refuse, SERVING } = targets;

const STATUSES: readonly (readonly [label: string, message: Buffer, expected: string])[] = [
  ["SERVING", SERVING, "pass"],
  ["NOT_SERVING", NOT_SERVING, "fail not-serving"],
  ["UNKNOWN", framed(8, 0), "fail unknown"],
  ["UNKNOWN as an empty message", framed(), "fail unknown"],
  ["3 (SERVICE_UNKNOWN)", framed(8, 3), "fail service-unknown"],
  ["999", framed(8, 0xe7, 0x07), "fail protocol"],
  ["broken bytes", framed(8), "fail protocol"],
  ["no message", Buffer.alloc(0), "fail protocol"],
  ["two messages", Buffer.concat([SERVING, SERVING]), "fail protocol"],
  ["a compressed message", Buffer.from([1, 0, 0, 0, 2, 8, 1]), "fail protocol"],
  ["a message of 100 MB", Buffer.from([0, 6, 0, 0, 0, 8, 1]), "fail protocol"],
  ["half a message", SERVING.subarray(0, 6), "fail protocol"],
];

for (const [label, message, expected] of STATUSES) {
  test(`a target that answers ${label}: ${expected} [A116]`, () =>
    withTarget(
      checking((stream) => answer(stream, message)),
      async (prober) => assert.equal(await verdict(prober), expected),
    ));
}

test("a message with a length above the limit fails after its first five bytes", () =>
  withTarget(
    checking((stream) => begin(stream, Buffer.from([0, 6, 0, 0, 0]))),
    async (prober) => assert.equal(await inTime(verdict(prober, 60_000), "a verdict"), "fail protocol"),
  ));

const CODES: readonly (readonly [name: string, code: number, reason: string])[] = [
  ["NOT_FOUND", 5, "service-unknown"],
  ["UNIMPLEMENTED", 12, "unimplemented"],
  ["UNAVAILABLE", 14, "unavailable"],
  ["DEADLINE_EXCEEDED", 4, "timeout"],
  ["PERMISSION_DENIED", 7, "grpc"],
];

for (const [name, code, reason] of CODES) {
  test(`a target that answers ${name} fails, and the result names the code [A117]`, () =>
    withTarget(
      checking((stream) => refuse(stream, code)),
      async (prober) => {
        const result = await probe(prober);
        assert.deepEqual([result.outcome, result.reason], ["fail", reason]);
        assert.ok(result.detail?.startsWith(`${name}:`), result.detail);
      },
    ));
}

for (const status of ["", "zero", "0x0", "-0", "0, 0"]) {
  test(`SERVING with a grpc-status of ${JSON.stringify(status)} fails`, () =>
    withTarget(
      checking((stream) => answer(stream, SERVING, status)),
      async (prober) => assert.match(await verdict(prober), /^fail/),
    ));
}

test("a target that is not a gRPC server fails: another HTTP/2 answer, an HTTP/1 server", async () => {
  const other = checking((stream) => {
    stream.respond({ ":status": 404, "content-type": "text/html" });
    stream.end("not here");
  });
  await withTarget(other, async (prober) => assert.equal(await verdict(prober), "fail unimplemented"));
  const http1 = targets.httpTarget((_, response) => void response.end("OK"));
  await withTarget(http1, async (prober) => assert.match(await verdict(prober), /^fail (protocol|closed|reset)$/));
});

test("the service's name is the path, decoded once", async () => {
  const asked: string[] = [];
  const target = checking((stream) => {
    stream.on("data", (bytes: Buffer) => asked.push(bytes.subarray(7).toString()));
    stream.on("end", () => answer(stream, SERVING));
  });
  await withTarget(target, async (prober) => void (await probe(prober)), "acme.%C3%A9%2Fa%252Fb");
  assert.deepEqual(asked, ["acme.é/a%2Fb"]);
});

test("GOAWAY(NO_ERROR) between two probes is no failure; the next probe opens a new connection [A118]", () =>
  withTarget(
    targets.frameTarget((stream, write) => write(targets.servingFrames(stream), goaway(stream, 0))),
    async (prober, target) => {
      for (let round = 1; round <= 3; round += 1) {
        assert.equal(await verdict(prober), "pass");
        assert.equal(target.accepted, round);
        await pause(20); // lets the GOAWAY arrive, should it be apart from the answer
      }
    },
  ));

test("a target that sends GOAWAY and never closes costs one connection, and none after close", async () => {
  const target = await targets.frameTarget((stream, write) => write(targets.servingFrames(stream), goaway(stream, 0)), {
    holds: true,
  });
  const prober = openTarget(`grpc://127.0.0.1:${target.port}`);
  const left = (most: number) => () => {
    target.poke();
    return target.connections.size <= most;
  };
  for (let round = 0; round < 5; round += 1) assert.equal(await verdict(prober), "pass");
  assert.equal(target.accepted, 5);
  await eventually(left(1), "one connection at most");
  await prober.close();
  await eventually(left(0), "no connection");
  await target.stop();
});

test("GOAWAY(NO_ERROR) during a probe that is still answered is no failure [A118]", () =>
  withTarget(
    checking((stream, _, session) => {
      session.goaway(0);
      setTimeout(() => answer(stream, SERVING), 20);
    }),
    async (prober) => {
      for (let round = 0; round < 3; round += 1) assert.equal(await verdict(prober), "pass");
    },
  ));

test("a probe that crosses GOAWAY(NO_ERROR) and was not processed is sent again [A118]", () => {
  const target = targets.frameTarget((stream, write) => {
    if (stream === 1) write(targets.servingFrames(stream));
    else write(goaway(1, 0)); // it was under way when the second check was sent
  });
  return withTarget(target, async (prober, { connections }) => {
    assert.equal(await verdict(prober), "pass");
    const [first] = connections;
    assert.equal(await verdict(prober), "pass");
    await eventually(() => first?.destroyed === true, "the connection that was left is closed");
  });
});

for (const [label, end] of [
  ["closed (FIN)", (socket: Socket) => void socket.end()],
  ["reset (RST)", (socket: Socket) => void socket.resetAndDestroy()],
] as const) {
  test(`a kept connection that is ${label} just when it is used again is no failure: the probe is sent on a new one`, () => {
    const target = targets.frameTarget((stream, write, socket) => {
      if (stream === 1) write(targets.servingFrames(stream));
      else end(socket);
    });
    return withTarget(target, async (prober) => {
      assert.equal(await verdict(prober), "pass");
      assert.equal(await verdict(prober), "pass");
    });
  });

  test(`a new connection that is ${label} during the probe is a failure`, () =>
    withTarget(
      targets.frameTarget((_, __, socket) => end(socket)),
      async (prober, target) => {
        assert.match(await verdict(prober), /^fail (reset|closed)$/);
        assert.equal(target.accepted, 1);
      },
    ));
}

test("GOAWAY with an error that takes in the probe is one failure [A119]", () => {
  const target = targets.frameTarget((stream, write) => {
    if (stream === 1) write(targets.servingFrames(stream));
    else write(goaway(stream, 2));
  });
  return withTarget(target, async (prober) => {
    assert.equal(await verdict(prober), "pass");
    assert.equal(await verdict(prober), "fail reset");
    assert.equal(await verdict(prober), "pass");
  });
});

test("RST_STREAM during a probe is one failure [A119]", () => {
  let calls = 0;
  const target = checking((stream) => {
    calls += 1;
    if (calls === 2) stream.close(2);
    else answer(stream, SERVING);
  });
  return withTarget(target, async (prober) => {
    assert.deepEqual(
      [await verdict(prober), await verdict(prober), await verdict(prober)],
      ["pass", "fail reset", "pass"],
    );
  });
});

test("probes of a healthy target share one connection", () =>
  withTarget(
    checking((stream) => answer(stream, SERVING)),
    async (prober, target) => {
      for (let round = 0; round < 5; round += 1) await probe(prober);
      assert.equal(target.accepted, 1);
    },
  ));

test("a name that resolves to a link-local address is not probed over gRPC [B91]", async (t) => {
  const server = await NameServer.start(t);
  server.records.set("evil.test", { ttl: 5, addresses: ["169.254.169.254"] });
  const resolver = new NameResolver({ clock: systemClock, servers: [server.address] });
  const prober = openTarget("grpc://evil.test:50051", { ...systemDeps(), resolver });
  assert.equal(await verdict(prober), "fail forbidden");
  prober.close();
});
