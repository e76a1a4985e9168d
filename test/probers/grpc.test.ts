import assert from "node:assert/strict";
import { test } from "node:test";
import type { Prober } from "../../src/probers/prober.js";
import { openTarget } from "../../src/probers/schemes.js";
import { eventually, inTime, pause } from "../support/eventually.js";
import { look, verdict } from "./looking.js";
import * as targets from "./targets.js";

const { answer, begin, framed, goaway, grpcTarget, NOT_SERVING, refuse, SERVING } = targets;

async function withTarget(
  starting: Promise<targets.Target>,
  body: (prober: Prober, target: targets.Target) => Promise<void>,
  service = "",
): Promise<void> {
  const target = await starting;
  const prober = openTarget(`grpc://127.0.0.1:${target.port}/${service}`);
  try {
    await body(prober, target);
  } finally {
    await prober.close();
    await target.deserted();
    await target.stop();
  }
}

/** Answers Check with bytes, and has no Watch. */
function checking(onCheck: targets.OnCall): Promise<targets.Target> {
  return grpcTarget((stream, method, session) => {
    if (method === "Check") onCheck(stream, method, session);
    else refuse(stream, 12);
  });
}

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
  test(`A116: a target that answers ${label}: ${expected}`, () =>
    withTarget(
      checking((stream) => answer(stream, message)),
      async (prober) => assert.equal(await verdict(prober), expected),
    ));
}

const CODES: readonly (readonly [name: string, code: number, reason: string])[] = [
  ["NOT_FOUND", 5, "service-unknown"],
  ["UNIMPLEMENTED", 12, "unimplemented"],
  ["UNAVAILABLE", 14, "unavailable"],
  ["DEADLINE_EXCEEDED", 4, "timeout"],
  ["PERMISSION_DENIED", 7, "grpc"],
];

for (const [name, code, reason] of CODES) {
  test(`A117: a target that answers ${name} fails, and the result names the code`, () =>
    withTarget(
      checking((stream) => refuse(stream, code)),
      async (prober) => {
        const result = await look(prober);
        assert.deepEqual([result.outcome, result.reason], ["fail", reason]);
        assert.ok(result.detail?.startsWith(`${name}:`), result.detail);
      },
    ));
}

for (const status of ["", "zero", "0x0", "-0", "0, 0"]) {
  test(`SERVING with a grpc-status of ${JSON.stringify(status)} is no pass`, () =>
    withTarget(
      checking((stream) => answer(stream, SERVING, status)),
      async (prober) => assert.match(await verdict(prober), /^fail/),
    ));
}

test("a target that is no gRPC server fails: another HTTP/2 answer, an HTTP/1 server", async () => {
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
  await withTarget(target, async (prober) => void (await look(prober)), "acme.%C3%A9%2Fa%252Fb");
  assert.deepEqual(asked, ["acme.é/a%2Fb"]);
});

test("A118: GOAWAY(NO_ERROR) between two checks is no failure; the next one takes a new connection", () =>
  withTarget(
    checking((stream, _, session) => {
      answer(stream, SERVING);
      stream.once("close", () => session.goaway(0));
    }),
    async (prober, target) => {
      for (let round = 0; round < 3; round += 1) {
        assert.equal(await verdict(prober), "pass");
        await pause(20); // lets the GOAWAY arrive
      }
      assert.ok(target.accepted > 1, `${target.accepted} connections`);
    },
  ));

test("A118: GOAWAY(NO_ERROR) during a check that still answers is no failure", () =>
  withTarget(
    checking((stream, _, session) => {
      session.goaway(0);
      setTimeout(() => answer(stream, SERVING), 20);
    }),
    async (prober) => {
      for (let round = 0; round < 3; round += 1) assert.equal(await verdict(prober), "pass");
    },
  ));

test("A118: a check that crosses with GOAWAY(NO_ERROR), and so was never begun, is asked again", () => {
  let checks = 0;
  const target = targets.frameTarget((stream, write) => {
    checks += 1;
    // the Watch (stream 3) is left unanswered; the second Check (stream 5) is refused by a GOAWAY that was under way
    if (stream === 1) write(targets.servingFrames(stream));
    if (stream === 5) write(goaway(3, 0));
  });
  return withTarget(target, async (prober, { port: _ }) => {
    assert.equal(await verdict(prober), "pass");
    await eventually(() => checks === 2, "the watch is open");
    assert.equal(await verdict(prober), "pass");
  });
});

for (const [label, end] of [
  ["closed (FIN)", (socket: import("node:net").Socket) => void socket.end()],
  ["reset (RST)", (socket: import("node:net").Socket) => void socket.resetAndDestroy()],
] as const) {
  test(`a kept connection that is ${label} just as it is used again is no failure: it is asked again on a new one`, () => {
    const target = targets.frameTarget((stream, write, socket) => {
      if (stream === 1) write(targets.servingFrames(stream));
      if (stream === 5) end(socket);
    });
    return withTarget(target, async (prober, { accepted: _ }) => {
      assert.equal(await verdict(prober), "pass");
      assert.equal(await verdict(prober), "pass");
    });
  });

  test(`a new connection that is ${label} during the check is a failure`, () =>
    withTarget(
      targets.frameTarget((_, __, socket) => end(socket)),
      async (prober, target) => {
        assert.match(await verdict(prober), /^fail (reset|closed)$/);
        assert.equal(target.accepted, 1);
      },
    ));
}

test("A119: GOAWAY(error) during a check is one failure", () => {
  const target = targets.frameTarget((stream, write) => {
    if (stream === 1) write(targets.servingFrames(stream));
    else if (stream === 5) write(goaway(0, 2));
  });
  return withTarget(target, async (prober) => {
    assert.equal(await verdict(prober), "pass");
    assert.equal(await verdict(prober), "fail reset");
    assert.equal(await verdict(prober), "pass");
  });
});

test("A119: RST_STREAM during a check is one failure", () => {
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

test("checks of a healthy target share one connection", () =>
  withTarget(
    checking((stream) => answer(stream, SERVING)),
    async (prober, target) => {
      for (let round = 0; round < 5; round += 1) await look(prober);
      assert.equal(target.accepted, 1);
    },
  ));

/** A target with a Watch: `watches` are those open now. */
class Watched {
  readonly watches: import("node:http2").ServerHttp2Stream[] = [];
  opened = 0;
  readonly starting: Promise<targets.Target>;

  constructor(onWatch: targets.OnCall = (stream) => begin(stream, SERVING), settings = {}) {
    this.starting = grpcTarget((stream, method, session) => {
      if (method === "Check") {
        answer(stream, SERVING);
        return;
      }
      this.opened += 1;
      this.watches.push(stream);
      onWatch(stream, method, session);
    }, settings);
  }
}

test("a change on the Watch asks for an early look; the status that was known already doesn't", () => {
  const watched = new Watched();
  let changes = 0;
  return withTarget(watched.starting, async (prober) => {
    prober.onChange?.(() => {
      changes += 1;
    });
    await look(prober);
    await eventually(() => watched.opened === 1, "a watch is open");
    watched.watches[0]?.write(SERVING);
    await look(prober);
    assert.equal(changes, 0);
    watched.watches[0]?.write(NOT_SERVING);
    await eventually(() => changes === 1, "the change is told");
  });
});

test("one Watch is kept, not one for each probe", () => {
  const watched = new Watched();
  return withTarget(watched.starting, async (prober) => {
    prober.onChange?.(() => {});
    for (let round = 0; round < 5; round += 1) await look(prober);
    assert.equal(watched.opened, 1);
  });
});

test("a target without Watch (UNIMPLEMENTED) is never asked for it again, and is judged by Check", () => {
  const watched = new Watched((stream) => refuse(stream, 12));
  let changes = 0;
  return withTarget(watched.starting, async (prober) => {
    prober.onChange?.(() => {
      changes += 1;
    });
    for (let round = 0; round < 5; round += 1) assert.equal(await verdict(prober), "pass");
    assert.deepEqual([watched.opened, changes], [1, 0]);
  });
});

test("a Watch that says something and is ended by the target asks for one early look", () => {
  const watched = new Watched();
  let changes = 0;
  return withTarget(watched.starting, async (prober) => {
    prober.onChange?.(() => {
      changes += 1;
    });
    await look(prober);
    await eventually(() => watched.opened === 1, "a watch is open");
    await look(prober);
    for (const stream of watched.watches) stream.close(2);
    await eventually(() => changes === 1, "the end is told");
  });
});

test("a target that refuses each Watch is not looked at more often for it", () => {
  const watched = new Watched((stream) => refuse(stream, 7));
  let changes = 0;
  return withTarget(watched.starting, async (prober) => {
    prober.onChange?.(() => {
      changes += 1;
    });
    for (let round = 0; round < 20; round += 1) await look(prober);
    assert.equal(changes, 0);
    assert.ok(watched.opened <= 2, `${watched.opened} watches in a moment: it backs off`);
  });
});

test("a target that floods its Watch is not listened to, and still judged", () => {
  const flood = Buffer.concat(Array.from({ length: 2_000 }, (_, index) => (index % 2 === 0 ? SERVING : NOT_SERVING)));
  const watched = new Watched((stream) => begin(stream, flood));
  let changes = 0;
  return withTarget(watched.starting, async (prober) => {
    prober.onChange?.(() => {
      changes += 1;
    });
    await look(prober);
    await eventually(() => watched.watches[0]?.closed === true, "the watch is given up");
    assert.equal(await verdict(prober), "pass");
    assert.ok(changes <= 100, `${changes} changes`);
  });
});

test("a target that allows one stream at a time keeps it for Check", () => {
  const watched = new Watched(undefined, { maxConcurrentStreams: 1 });
  return withTarget(watched.starting, async (prober) => {
    prober.onChange?.(() => {});
    for (let round = 0; round < 3; round += 1) assert.equal(await verdict(prober, 3_000), "pass");
    assert.equal(watched.opened, 0);
  });
});

test("a target that hangs with an open Watch fails at the deadline, and its end is not taken for news", () => {
  let hang = false;
  let changes = 0;
  const target = grpcTarget((stream, method) => {
    if (method === "Watch") begin(stream, SERVING);
    else if (!hang) answer(stream, SERVING);
  });
  return withTarget(target, async (prober, { connections }) => {
    prober.onChange?.(() => {
      changes += 1;
    });
    await look(prober);
    await look(prober);
    hang = true;
    await inTime(look(prober, 100), "a cancelled probe ends");
    await eventually(() => connections.size === 0, "the connection to a target that hangs is given up");
    assert.equal(changes, 0);
  });
});

test("close ends a connection that the target has said goodbye on and never closes", () => {
  const watched = new Watched((stream, _, session) => {
    begin(stream, SERVING);
    session.goaway(0);
  });
  return withTarget(watched.starting, async (prober) => {
    prober.onChange?.(() => {});
    for (let round = 0; round < 3; round += 1) assert.equal(await verdict(prober), "pass");
    // withTarget closes the prober and waits until the target is deserted
  });
});
