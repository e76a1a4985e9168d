/**
 * Calls that the client resets in the same write as it makes them: the stream is closed before our code sees it.
 *
 * The server is a process of its own, since an answer on a closed stream throws where nothing catches it. The first case,
 * 164 bytes, ended the process of each server with engine grpc-js.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { inTime } from "../../support/eventually.js";
import { frame, GrpcPeer, HEALTH, request } from "../../support/grpc-peer.js";
import { notOutlive } from "../../support/not-outlive.js";
import { callHeaders, FLAG, h2frame, headerBlock, PREFACE, RawPeer, TYPE, uint32 } from "../../support/raw-http2.js";
import { methodOf, writeRequest } from "../../support/reflection.js";

const PROGRAM = fileURLToPath(new URL("serving-process.ts", import.meta.url));

/** NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM, and one that RFC 9113 lacks. */
const ERROR_CODES = [0, 1, 2, 7, 8, 11, 0xdead];

/** The head of a call, with some of its fields changed or left out. */
function head(path: string, changed: Readonly<Record<string, string | undefined>> = {}): Buffer {
  const fields = new Map(callHeaders(path));
  for (const [name, value] of Object.entries(changed)) {
    if (value === undefined) fields.delete(name);
    else fields.set(name, value);
  }
  return headerBlock([...fields]);
}

const check = frame(request("a"));
const list = frame(writeRequest({ list_services: "" }));

/** What is sent before the reset: the head, and the content of a DATA frame where there is one. */
const CALLS: Readonly<Record<string, readonly [head: Buffer, data?: Buffer]>> = {
  "an unknown method": [head("/p.S/M")],
  "an unknown method with a message": [head("/p.S/M"), check],
  "a content type in capitals": [head(`${HEALTH}/Check`, { "content-type": "Application/grpc" }), check],
  "another content type in capitals": [head(`${HEALTH}/Check`, { "content-type": "application/GRPC+proto" })],
  "a method that is not POST": [head(`${HEALTH}/Check`, { ":method": "PUT" })],
  "an unreadable deadline": [head(`${HEALTH}/Check`, { "grpc-timeout": "x" })],
  "a deadline of nothing": [head(`${HEALTH}/Check`, { "grpc-timeout": "0n" }), check],
  "an unknown encoding": [head(`${HEALTH}/Check`, { "grpc-encoding": "br" }), frame(request("a"), 1)],
  "an unreadable message": [head(`${HEALTH}/Check`), frame(Buffer.from([0x0a, 0x50]))],
  Check: [head(`${HEALTH}/Check`), check],
  "Check without a message": [head(`${HEALTH}/Check`)],
  List: [head(`${HEALTH}/List`), frame(Buffer.alloc(0))],
  Watch: [head(`${HEALTH}/Watch`), check],
  "a method for balancers": [head("/AWS.ALB/healthcheck"), frame(Buffer.alloc(0))],
  "reflection without a request": [head(methodOf("v1"))],
  reflection: [head(methodOf("v1")), list],
  "several requests of reflection": [head(methodOf("v1alpha")), Buffer.concat([list, list, list])],
  "unreadable reflection": [head(methodOf("v1")), frame(Buffer.from([0x3a]))],
  "plain HTTP": [head("/healthcheck", { ":method": "GET", "content-type": undefined })],
  "plain HTTP with a body": [head(`${HEALTH}/Check`, { "content-type": "application/json" }), Buffer.from("{}")],
};

describe("a server with engine grpc-js", () => {
  let server: ChildProcess;
  let port = 0;

  before(async () => {
    server = spawn(process.execPath, ["--import", "tsx", PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
    notOutlive(server, () => void server.kill("SIGKILL"));
    const [line] = await inTime(once(server.stdout ?? server, "data"), "the port of the server");
    port = Number(line);
  });
  after(() => void server.kill("SIGKILL"));

  for (const [what, [headers, data]] of Object.entries(CALLS)) {
    test(`goes on when a call is reset in the write that makes it: ${what}`, async () => {
      const peers = ERROR_CODES.flatMap((code) => [
        reset(headers, data, code, 0),
        reset(headers, data, code, FLAG.END_STREAM),
      ]);
      const honest = new GrpcPeer(port);
      assert.equal((await inTime(honest.check("a"), "the answer of an honest client")).status, 1);
      assert.equal(server.exitCode, null);
      for (const peer of [...peers, honest]) peer.close();
    });
  }

  /** A connection, whose first write holds all: the preface, SETTINGS, the call, and its reset. */
  function reset(headers: Buffer, data: Buffer | undefined, code: number, end: number): RawPeer {
    const raw = new RawPeer(port);
    const flags = FLAG.END_HEADERS | (data === undefined ? end : 0);
    raw.write(
      PREFACE,
      h2frame(TYPE.SETTINGS, 0, 0),
      h2frame(TYPE.SETTINGS, FLAG.ACK, 0),
      h2frame(TYPE.HEADERS, flags, 1, headers),
      data === undefined ? Buffer.alloc(0) : h2frame(TYPE.DATA, end, 1, data),
      h2frame(TYPE.RST_STREAM, 0, 1, uint32(code)),
    );
    return raw;
  }
});
