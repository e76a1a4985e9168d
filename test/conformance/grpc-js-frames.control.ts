/**
 * The rows of bad frames against healthbridge with the engine on grpc-js. Not a suite: `grpc-js-frames.test.ts` runs it, and
 * expects rows to fail.
 *
 * On Node 20 the connections that Node forgets to close are closed by keepalive, which is short here.
 */
import { describe } from "node:test";
import { framesRows } from "./frames.rows.js";
import { healthbridgeOn } from "./healthbridge.js";

describe("bad frames, engine grpc-js", { concurrency: 8 }, () => {
  framesRows((options) => healthbridgeOn("grpc-js")({ ...options, keepaliveMs: 1_000 }));
});
