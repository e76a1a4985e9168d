import assert from "node:assert/strict";
import { test } from "node:test";
import { HealthError } from "../../src/core/health-error.js";
import { openTarget, SCHEMES, systemDeps } from "../../src/probers/schemes.js";

const BAD: readonly (readonly [target: string, expected: RegExp])[] = [
  ["", /expected a URL/],
  ["flower:5555", /a scheme is missing; expected a URL such as tcp:\/\/host:port/],
  ["flower://h", /unknown scheme "flower"; known: http, https, tcp, /],
  ["htp://host", /known: http, .*; did you mean http:\/\/\?/],
  ["grp://host:1", /did you mean grpc:\/\/\?/],
  ["constructor://host:1", /unknown scheme/],
  ["http://", /expected a URL/],
  ["tcp://host", /a port is missing; expected tcp:\/\/host:port/],
  ["tcp://:80", /expected a URL|a host is missing/],
  ["grpc://host/acme.Orders", /a port is missing/],
  ["tcp://host:0", /port 0 is not a port of a server/],
  ["http://host:65536", /a port is a number from 1 to 65535/],
  ["tcp://host:80/path", /does not allow the part from "\/" on; expected tcp:\/\/host:port/],
  ["tcp://host:80?x", /does not allow the part from "\?"/],
  ["grpc://host:80/s?x=1", /does not allow the part from "\?"/],
  ["grpc://host:80/s#x", /does not allow the part from "#"/],
  ["http://host/#x", /does not allow the part from "#"/],
  ["tcp://user:secret@host:80", /takes no name and password/],
  ["grpc://user:secret@host:80", /takes no name and password/],
  ["grpc://host:80/%zz", /invalid percent-encoding/],
  [`grpc://host:80/${"x".repeat(201)}`, /at most 200 bytes/],
];

for (const [target, expected] of BAD) {
  test(`${JSON.stringify(target.slice(0, 40))} is refused: ${expected.source}`, () => {
    assert.throws(
      () => openTarget(target),
      (error) => error instanceof HealthError && error.code === "INVALID_TARGET" && expected.test(error.message),
    );
  });
}

for (const target of [
  "tcp://user:hunter2@host:80",
  "http://user:hunter2@host:99999",
  "http://user:hun/ter2@host:99999",
  "http://user:hun@ter2@host:99999",
  "htp://user:hunter2@host",
  "user:hunter2@host",
  "http:user:hunter2@host:99999",
  "HTTP://user:hunter2@host:99999",
  "grpc://user:hunter2@host:1/%zz",
]) {
  test(`no error shows the password of ${target}`, () => {
    assert.throws(
      () => openTarget(target),
      (error) => error instanceof HealthError && !/hun|ter2/.test(error.message),
    );
  });
}

test("every scheme accepts its own example, and connects to nothing by that", () => {
  for (const [scheme, { example }] of Object.entries(SCHEMES)) {
    const before = process.getActiveResourcesInfo().length;
    const options = scheme === "udp" ? { dialogue: [{ send: "x", expect: "y" }] } : {};
    openTarget(example.replace("port", "1"), systemDeps(), options).close();
    assert.equal(process.getActiveResourcesInfo().length, before, example);
  }
});

test("a scheme can be in capitals, a host an IPv6 address, a service can contain a slash", () => {
  for (const target of [
    "TCP://[::1]:80",
    "tcp://host:80/",
    "GRPC://[::1]:80/a.B",
    "grpc://host:80",
    "https://host/a?b=c",
  ])
    openTarget(target).close();
});
