import assert from "node:assert/strict";
import type { ServerHttp2Stream } from "node:http2";
import { test } from "node:test";
import { eventually, inTime } from "../support/eventually.js";
import { withTarget } from "./grpc-fixture.js";
import { probe, verdict } from "./probing.js";
import * as targets from "./targets.js";

const { answer, begin, grpcTarget, NOT_SERVING, refuse, SERVING } = targets;

/** A target with a Watch: `watches` are those open now. */
class Watched {
  readonly watches: ServerHttp2Stream[] = [];
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

test("a change on the Watch asks for an early probe; the known status does not", () => {
  const watched = new Watched();
  let changes = 0;
  return withTarget(watched.starting, async (prober) => {
    prober.onChange?.(() => {
      changes += 1;
    });
    await probe(prober);
    await eventually(() => watched.opened === 1, "a watch is open");
    watched.watches[0]?.write(SERVING);
    await probe(prober);
    assert.equal(changes, 0);
    watched.watches[0]?.write(NOT_SERVING);
    await eventually(() => changes === 1, "the change is reported");
  });
});

test("one Watch is kept, not one for each probe", () => {
  const watched = new Watched();
  return withTarget(watched.starting, async (prober) => {
    prober.onChange?.(() => {});
    for (let round = 0; round < 5; round += 1) await probe(prober);
    assert.equal(watched.opened, 1);
  });
});

test("a target without Watch (UNIMPLEMENTED) is not asked for it again, and is probed by Check", () => {
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

test("a Watch that sends a status and is ended by the target asks for one early probe", () => {
  const watched = new Watched();
  let changes = 0;
  return withTarget(watched.starting, async (prober) => {
    prober.onChange?.(() => {
      changes += 1;
    });
    await probe(prober);
    await eventually(() => watched.opened === 1, "a watch is open");
    await probe(prober);
    for (const stream of watched.watches) stream.close(2);
    await eventually(() => changes === 1, "the end is reported");
  });
});

test("a target that refuses each Watch is not probed more often", () => {
  const watched = new Watched((stream) => refuse(stream, 7));
  let changes = 0;
  return withTarget(watched.starting, async (prober) => {
    prober.onChange?.(() => {
      changes += 1;
    });
    for (let round = 0; round < 20; round += 1) await probe(prober);
    assert.equal(changes, 0);
    assert.ok(watched.opened <= 2, `${watched.opened} watches in a moment: it backs off`);
  });
});

test("a target that floods its Watch is ignored there, and probed by Check", () => {
  const flood = Buffer.concat(Array.from({ length: 2_000 }, (_, index) => (index % 2 === 0 ? SERVING : NOT_SERVING)));
  const watched = new Watched((stream) => begin(stream, flood));
  let changes = 0;
  return withTarget(watched.starting, async (prober) => {
    prober.onChange?.(() => {
      changes += 1;
    });
    await probe(prober);
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

test("a target that hangs with an open Watch fails at the deadline, and the end of that Watch is not a change", () => {
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
    await probe(prober);
    await probe(prober);
    hang = true;
    await inTime(probe(prober, 100), "a cancelled probe ends");
    await eventually(() => connections.size === 0, "the connection to a target that hangs is given up");
    assert.equal(changes, 0);
  });
});

test("close ends a connection on which the target sent GOAWAY and that it never closes", () => {
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
