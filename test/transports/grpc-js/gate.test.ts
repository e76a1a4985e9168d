/** What a stream has to pass before grpc-js sees it, over a real HTTP/2 server; the clock is the test's. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { eventually, inTime } from "../../support/eventually.js";
import { collect, frame } from "../../support/grpc-peer.js";
import { callHeaders, FLAG, h2frame, headerBlock, PREFACE, RawPeer, TYPE, uint32 } from "../../support/raw-http2.js";
import { gated, STREAMING, UNARY, WATCHING } from "./gated-server.js";

const MESSAGE = frame(Buffer.alloc(0));

describe("the gate lets through", () => {
  for (const path of [UNARY, STREAMING]) {
    test(`a call of ${path}, with its headers`, async (t) => {
      const { calls, peer, clock } = await gated(t);
      assert.equal((await peer.call(path, MESSAGE, { "x-key": "value" })).code, 0);
      const [headers] = calls;
      assert.deepEqual([headers?.[":path"], headers?.["x-key"]], [path, "value"]);
      await eventually(() => clock.pendingTimers === 0, "no timer is left");
    });
  }

  const types = ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8", "APPLICATION/GRPC"];
  for (const type of types) {
    test(`content type ${type} [A82]`, async (t) => {
      const { calls, peer } = await gated(t);
      assert.equal((await peer.call(UNARY, MESSAGE, { "content-type": type })).code, 0);
      // grpc-js knows it in lower-case letters only
      assert.deepEqual(
        calls.map((headers) => headers["content-type"]),
        [type.toLowerCase()],
      );
    });
  }

  const timeouts: readonly (readonly [string, string | undefined])[] = [
    ["1S", "1S"],
    ["0S", "0S"],
    ["99999999n", "99999999n"],
    ["2147483S", "2147483S"],
    ["596H", "596H"],
    // beyond 2^31 - 1 ms grpc-js would end the call at once, so it gets none
    ["2147484S", undefined],
    ["597H", undefined],
    ["35792M", undefined],
    ["99999999S", undefined],
    ["99999999H", undefined],
  ];
  for (const [timeout, passed] of timeouts) {
    test(`grpc-timeout ${timeout}, passed to grpc-js as ${passed ?? "none"} [A47]`, async (t) => {
      const { calls, peer } = await gated(t);
      assert.equal((await peer.call(STREAMING, MESSAGE, { "grpc-timeout": timeout })).code, 0);
      assert.equal(calls[0]?.["grpc-timeout"], passed);
    });
  }
});

describe("the gate drops a stream that the client has reset already", () => {
  for (const path of [UNARY, STREAMING, "/unknown"])
    for (const type of ["application/grpc", "text/plain"])
      test(`${type} of ${path}`, async (t) => {
        const { calls, http, clock, peer, port } = await gated(t);
        const raw = new RawPeer(port);
        t.after(() => raw.close());
        const head = headerBlock([...new Map(callHeaders(path)).set("content-type", type)]);
        raw.write(
          PREFACE,
          h2frame(TYPE.SETTINGS, 0, 0),
          h2frame(TYPE.HEADERS, FLAG.END_HEADERS, 1, head),
          h2frame(TYPE.RST_STREAM, 0, 1, uint32(8)),
          h2frame(TYPE.PING, 0, 0, Buffer.alloc(8)),
        );
        await eventually(() => raw.frames().some(({ type }) => type === TYPE.PING), "all is read");
        await peer.call("/unknown", MESSAGE);
        assert.deepEqual([calls, http], [[], []]);
        await eventually(() => clock.pendingTimers === 0, "no timer is left");
      });
});

describe("the gate leaves to plain HTTP", () => {
  const types = [undefined, "", "text/plain", "application/json", "application/grpcfoo", "application/grpc-web"];
  for (const type of types) {
    test(`content type ${type ?? "none"} [B22]`, async (t) => {
      const { http, calls, peer } = await gated(t);
      const end = await peer.call(UNARY, MESSAGE, { "content-type": type });
      assert.deepEqual([end.httpStatus, http, calls], [418, [UNARY], []]);
    });
  }

  test("a GET of any path [A92]", async (t) => {
    const { http, peer } = await gated(t);
    const stream = peer.session.request({ ":method": "GET", ":path": "/healthcheck" });
    assert.equal((await collect(stream, () => {})).httpStatus, 418);
    assert.deepEqual(http, ["/healthcheck"]);
  });
});

describe("the gate refuses", () => {
  for (const method of ["GET", "PUT", "HEAD", "DELETE", "OPTIONS"]) {
    test(`${method}, and names the allowed method [B24]`, async (t) => {
      const { calls, peer, clock } = await gated(t);
      const end = await peer.call(UNARY, Buffer.alloc(0), { ":method": method });
      assert.deepEqual([end.httpStatus, end.headers.allow, end.messages.length, calls.length], [405, "POST", 0, 0]);
      await eventually(() => clock.pendingTimers === 0, "no timer is left");
    });
  }

  const unknown = ["/pkg.Service/Nothing", `${UNARY}?a=b`, `${UNARY}/`, "/pkg.service/unary", "/constructor", "/"];
  for (const path of unknown) {
    test(`the unknown path ${path}, without repeating it [A20, A93]`, async (t) => {
      const { calls, peer } = await gated(t);
      const end = await peer.call(path, MESSAGE);
      assert.deepEqual([end.httpStatus, end.code, end.text, calls.length], [200, 12, "unknown method", 0]);
      assert.deepEqual(Object.keys(end.headers).sort(), [
        ":status",
        "content-type",
        "date",
        "grpc-message",
        "grpc-status",
      ]);
    });
  }

  for (const path of [UNARY, STREAMING]) {
    for (const timeout of ["1", "5X", "", "-1S", "1.5S", "abc1S", "123456789S", "1S x", "1s", "1S,2S"]) {
      test(`grpc-timeout ${JSON.stringify(timeout)} of ${path} [B20]`, async (t) => {
        const { calls, peer } = await gated(t);
        const end = await peer.call(path, MESSAGE, { "grpc-timeout": timeout });
        assert.deepEqual([end.code, end.text, calls.length], [13, "invalid grpc-timeout", 0]);
      });
    }
  }
});

describe("the gate limits the time of a request", () => {
  test("a message that does not end is ended after the time, and not earlier [B19]", async (t) => {
    const { clock, peer, calls } = await gated(t);
    const stream = peer.open(UNARY);
    let over = false;
    const ended = collect(stream, () => {}).then((end) => {
      over = true;
      return end;
    });
    await eventually(() => calls.length === 1, "the call is there");
    await clock.advance(4_999);
    await peer.call(UNARY, MESSAGE);
    assert.equal(over, false);
    await clock.advance(1);
    const end = await inTime(ended, "the end");
    assert.deepEqual([end.code, end.text, end.rstCode], [4, "request took too long to arrive", 0]);
    await eventually(() => clock.pendingTimers === 0, "no timer is left");
  });

  test("more bytes do not extend the time [B19]", async (t) => {
    const { clock, peer, calls } = await gated(t);
    const stream = peer.open(UNARY);
    const ended = collect(stream, () => {});
    await eventually(() => calls.length === 1, "the call is there");
    for (let second = 0; second < 5; second += 1) {
      stream.write(Buffer.alloc(1));
      await clock.advance(1_000);
    }
    assert.equal((await inTime(ended, "the end")).code, 4);
  });

  for (const [label, headers] of [
    ["an unknown path", { ":path": "/nothing" }],
    ["a wrong method", { ":method": "PUT" }],
    ["a wrong timeout", { "grpc-timeout": "x" }],
  ] as const) {
    test(`${label} is refused at once, and its stream is ended if the request does not end [B19]`, async (t) => {
      const { clock, peer } = await gated(t);
      const stream = peer.open(UNARY, headers);
      let answered = false;
      stream.on("response", () => {
        answered = true;
      });
      const ended = collect(stream, () => {});
      await eventually(() => answered, "the answer");
      assert.equal(clock.pendingTimers, 1);
      await clock.advance(5_000);
      await inTime(ended, "the end");
      assert.equal(clock.pendingTimers, 0);
    });
  }

  test("a stream of messages may go on for its own time, and is reset then", async (t) => {
    const { clock, peer, calls } = await gated(t);
    const [stream, other] = [peer.open(STREAMING), peer.open(STREAMING)];
    const ended = collect(stream, () => {});
    const reset = collect(other, () => {});
    await eventually(() => calls.length === 2, "the calls are there");
    await clock.advance(599_999);
    stream.end(MESSAGE);
    assert.equal((await inTime(ended, "the end")).code, 0);
    await clock.advance(1);
    assert.equal((await inTime(reset, "the reset")).rstCode, 8); // CANCEL
    await eventually(() => clock.pendingTimers === 0, "no timer is left");
  });

  test("a stream of messages that has its status is ended after that time, though the client sends on", async (t) => {
    const { clock, peer } = await gated(t);
    const stream = peer.open(STREAMING, { "grpc-timeout": "x" });
    const ended = collect(stream, () => {});
    stream.write(MESSAGE);
    await once(stream, "response");
    await eventually(() => clock.pendingTimers === 2, "the time for its end begins");
    await clock.advance(4_999);
    assert.equal(stream.closed, false);
    await clock.advance(1);
    const end = await inTime(ended, "the end");
    assert.deepEqual([end.code, end.text, end.rstCode], [13, "invalid grpc-timeout", 0]);
    await eventually(() => clock.pendingTimers === 0, "no timer is left");
  });

  test("a complete request is not ended later, however long its answer takes", async (t) => {
    const { clock, peer } = await gated(t);
    const stream = peer.open(WATCHING);
    let [answered, over] = [false, false];
    stream.on("response", () => {
      answered = true;
    });
    void collect(stream, () => {}).then(() => {
      over = true;
    });
    stream.end(MESSAGE);
    await eventually(() => answered, "the answer begins");
    await clock.advance(3_600_000);
    await peer.call(UNARY, MESSAGE);
    assert.equal(over, false);
  });

  test("a client that resets its stream leaves nothing, and does not affect others [B23]", async (t) => {
    const { clock, peer, calls } = await gated(t);
    for (const headers of [{}, { ":path": "/nothing" }, { ":method": "PUT" }, { "grpc-timeout": "x" }]) {
      const stream = peer.open(UNARY, headers);
      const ended = collect(stream, () => {});
      stream.close(1); // PROTOCOL_ERROR
      await inTime(ended, "the end");
    }
    assert.equal((await peer.call(UNARY, MESSAGE)).code, 0);
    await eventually(() => clock.pendingTimers === 0, "no timer is left");
    assert.ok(calls.length >= 1);
  });
});

describe("the gate removes what grpc-js would print to stderr with its value", () => {
  const secret = Buffer.from("s3cr\u00e9t", "latin1").toString("latin1");
  for (const name of ["authorization", "cookie", "x-key", "x-tilde~name", "grpc-trace"])
    test(name, async (t) => {
      const { calls, port } = await gated(t);
      const raw = new RawPeer(port);
      t.after(() => raw.close());
      const value = name.includes("~") ? "readable" : secret;
      const fields = [...callHeaders(UNARY), [name, value], ["x-readable", "yes"]] as const;
      raw.write(
        PREFACE,
        h2frame(TYPE.SETTINGS, 0, 0),
        h2frame(TYPE.HEADERS, FLAG.END_HEADERS, 1, headerBlock(fields)),
        h2frame(TYPE.DATA, FLAG.END_STREAM, 1, MESSAGE),
      );
      await eventually(() => calls.length === 1, "the call is let through");
      assert.deepEqual([calls[0]?.[name], calls[0]?.["x-readable"]], [undefined, "yes"]);
    });
});
