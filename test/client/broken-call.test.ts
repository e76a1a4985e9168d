import assert from "node:assert/strict";
import { test } from "node:test";
import { BrokenCall, breakOf, breakOfSilence } from "../../src/client/broken-call.js";

const open = { closed: false };
const withCode = (code: string, options?: ErrorOptions) => Object.assign(new Error(code, options), { code });

const ERRORS: readonly (readonly [code: string, rstCode: number, kind: string])[] = [
  ["ERR_HTTP2_STREAM_ERROR", 2, "reset"],
  ["ERR_HTTP2_STREAM_ERROR", 7, "unprocessed"],
  ["ERR_HTTP2_SESSION_ERROR", 0, "reset"],
  ["ERR_HTTP2_GOAWAY_SESSION", 0, "unprocessed"],
  ["ERR_HTTP2_ERROR", 0, "protocol"],
];

for (const [code, rstCode, kind] of ERRORS) {
  test(`${code} with reset code ${rstCode} is ${kind}, and its cause is kept`, () => {
    const error = withCode(code);
    const broken = breakOf(error, { rstCode, session: open });
    assert.ok(broken instanceof BrokenCall);
    assert.deepEqual([broken.kind, broken.cause], [kind, error]);
  });
}

test("a system error is kept, also when it cancels a waiting call", () => {
  const refused = withCode("ECONNREFUSED");
  assert.equal(breakOf(refused, { rstCode: 0, session: undefined }), refused);
  const waiting = withCode("ERR_HTTP2_STREAM_CANCEL", { cause: refused });
  assert.equal(breakOf(waiting, { rstCode: 8, session: undefined }), refused);
});

test("a call that we cancel stays cancelled", () => {
  const ours = new BrokenCall("cancelled", "the deadline is over");
  assert.equal(breakOf(ours, { rstCode: 8, session: open }), ours);
});

test("a stream that ends without a status: the connection is gone, the stream was reset, or the peer sent no status", () => {
  assert.equal(breakOfSilence({ rstCode: 8, session: undefined }).kind, "closed");
  assert.equal(breakOfSilence({ rstCode: 8, session: { closed: true } }).kind, "closed");
  assert.equal(breakOfSilence({ rstCode: 8, session: open }).kind, "reset");
  assert.equal(breakOfSilence({ rstCode: 0, session: open }).kind, "protocol");
});
