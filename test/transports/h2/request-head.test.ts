/** What is a well-formed request, by RFC 9113, sections 8.1 to 8.3. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { areTrailers, readRequestHead } from "../../../src/transports/h2/request-head.js";

const PSEUDO = [":method", "GET", ":scheme", "http", ":path", "/healthcheck", ":authority", "a"];

test("a request head has the fields that an answer needs, and the first value of a repeated field", () => {
  const head = readRequestHead([
    ...PSEUDO,
    ...["content-type", "application/grpc", "content-type", "text/plain", "content-length", "12", "te", "trailers"],
    ...["accept", "*/*", "authorization", "Bearer x", "grpc-timeout", "1S", "grpc-encoding", "gzip", "x-other", ""],
    ...["last-event-id", "e1-7", "last-event-id", "e1-8", "x-consul-token", "secret"],
  ]);
  assert.deepEqual(head, {
    method: "GET",
    path: "/healthcheck",
    contentType: "application/grpc",
    contentLength: 12,
    accept: "*/*",
    authorization: "Bearer x",
    host: "a",
    grpcTimeout: "1S",
    grpcEncoding: "gzip",
    lastEventId: "e1-7",
    consulToken: "secret",
  });
});

/** Heads that are well-formed. */
const FINE: Readonly<Record<string, readonly string[]>> = {
  "no authority, as HAProxy's checks have": PSEUDO.slice(0, 6),
  "OPTIONS of the server as a whole": [":method", "OPTIONS", ":scheme", "http", ":path", "*"],
  "a host that says the same as the authority": [...PSEUDO, "host", "a"],
  "a length that is said twice": [...PSEUDO, "content-length", "1", "content-length", "1"],
  "an empty value": [...PSEUDO, "x", ""],
};

for (const [label, fields] of Object.entries(FINE))
  test(`well-formed: ${label}`, () => assert.notEqual(readRequestHead(fields), undefined));

/** Heads that are malformed. */
const MALFORMED: Readonly<Record<string, readonly string[]>> = {
  nothing: [],
  "no method": PSEUDO.slice(2),
  "no scheme": [...PSEUDO.slice(0, 2), ...PSEUDO.slice(4)],
  "no path": [...PSEUDO.slice(0, 4), ...PSEUDO.slice(6)],
  "an empty path": [":method", "GET", ":scheme", "http", ":path", ""],
  "a path without its slash (grpc-go's CVE-2026-33186)": [":method", "POST", ":scheme", "http", ":path", "a.B/Check"],
  "a star for another method": [":method", "GET", ":scheme", "http", ":path", "*"],
  "a pseudo-field twice": [...PSEUDO, ":method", "GET"],
  "a pseudo-field after another field": [...PSEUDO.slice(0, 6), "a", "b", ":authority", "a"],
  "a pseudo-field of an answer": [...PSEUDO, ":status", "200"],
  "a pseudo-field that nobody knows": [...PSEUDO, ":protocol", "x"],
  "a capital letter in a name": [...PSEUDO, "X-a", "b"],
  "a blank in a name": [...PSEUDO, "a b", "c"],
  "an empty name": [...PSEUDO, "", "c"],
  "a colon in a name": [...PSEUDO, "a:b", "c"],
  connection: [...PSEUDO, "connection", "close"],
  "keep-alive": [...PSEUDO, "keep-alive", "5"],
  "proxy-connection": [...PSEUDO, "proxy-connection", "x"],
  "transfer-encoding": [...PSEUDO, "transfer-encoding", "chunked"],
  upgrade: [...PSEUDO, "upgrade", "h2c"],
  "te with anything but trailers": [...PSEUDO, "te", "trailers, deflate"],
  "NUL in a value": [...PSEUDO, "a", "b\0c"],
  "a line break in a value": [...PSEUDO, "a", "b\r\nc"],
  "a blank before a method": [":method", " GET", ...PSEUDO.slice(2)],
  "a blank after an authority": [...PSEUDO.slice(0, 6), ":authority", "a "],
  "a tab after a length": [...PSEUDO, "content-length", "1\t"],
  "a blank before a host": [...PSEUDO.slice(0, 6), "host", " a"],
  "a blank before te": [...PSEUDO, "te", " trailers"],
  "two lengths": [...PSEUDO, "content-length", "1", "content-length", "2"],
  "a length that is no number": [...PSEUDO, "content-length", "+1"],
  "a length with 16 digits": [...PSEUDO, "content-length", "1000000000000000"],
  "a host that is not the authority": [...PSEUDO, "host", "b"],
  "two hosts": [...PSEUDO.slice(0, 6), "host", "a", "host", "b"],
};

for (const [label, fields] of Object.entries(MALFORMED))
  test(`malformed: ${label} [B25]`, () => assert.equal(readRequestHead(fields), undefined));

test("a field with a blank around its value is ignored, as grpc-go sends one for an empty user agent [B25]", () => {
  const plain = readRequestHead([...PSEUDO, "accept", "text/html"]);
  assert.deepEqual(readRequestHead([...PSEUDO, "user-agent", " grpc-go/1.84.0", "accept", "text/html"]), plain);
  for (const value of [" text/plain", "text/plain\t", "\ttext/plain "])
    assert.deepEqual(readRequestHead([...PSEUDO, "accept", value, "accept", "text/html"]), plain);
  for (const name of ["authorization", "content-type", "grpc-timeout", "grpc-encoding", "accept"])
    assert.deepEqual(readRequestHead([...PSEUDO, name, " x"]), readRequestHead(PSEUDO));
  assert.equal(readRequestHead([...PSEUDO.slice(0, 6), "user-agent", " a", ":authority", "a"]), undefined);
  assert.equal(areTrailers(["a", " b"]), true);
});

test("trailers must be well-formed and contain no pseudo-fields", () => {
  assert.equal(areTrailers(["grpc-status", "0", "a", ""]), true);
  assert.equal(areTrailers([":path", "/"]), false);
  assert.equal(areTrailers(["a", "b\n"]), false);
  assert.equal(areTrailers(["connection", "close"]), false);
});
