/** Addresses to listen on, in text. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HealthError } from "../../src/core/health-error.js";
import { formatAddress, parseListenAddress } from "../../src/core/listen-address.js";

describe("an address to listen on", () => {
  const readable: readonly (readonly [string, ReturnType<typeof parseListenAddress>])[] = [
    [":50051", { host: undefined, port: 50051, access: "default" }],
    [":0", { host: undefined, port: 0, access: "default" }],
    ["127.0.0.1:8080", { host: "127.0.0.1", port: 8080, access: "default" }],
    ["0.0.0.0:65535", { host: "0.0.0.0", port: 65535, access: "default" }],
    ["health.internal:8080", { host: "health.internal", port: 8080, access: "default" }],
    ["[::1]:8080", { host: "::1", port: 8080, access: "default" }],
    ["[::]:8080", { host: "::", port: 8080, access: "default" }],
    ["[fe80::1%eth0]:8080", { host: "fe80::1%eth0", port: 8080, access: "default" }],
    ...["br-lan", "eth0.100", "wg~1", "vlan@2", "3"].map(
      (zone) => [`[fe80::1%${zone}]:80`, { host: `fe80::1%${zone}`, port: 80, access: "default" }] as const,
    ),
    ["[::ffff:127.0.0.1]:8080", { host: "::ffff:127.0.0.1", port: 8080, access: "default" }],
    ["plain://:8080", { host: undefined, port: 8080, access: "plain" }],
    ["plain://[::1]:8080", { host: "::1", port: 8080, access: "plain" }],
    ["open://:8086", { host: undefined, port: 8086, access: "open" }],
    ["open://127.0.0.1:0", { host: "127.0.0.1", port: 0, access: "open" }],
    ["open://unix:/run/open.sock", { path: "/run/open.sock", access: "open" }],
    ["unix:/run/health.sock", { path: "/run/health.sock", access: "default" }],
    ["unix:///run/health.sock", { path: "/run/health.sock", access: "default" }],
    ["unix:health.sock", { path: "health.sock", access: "default" }],
    ["plain://unix:/run/health.sock", { path: "/run/health.sock", access: "plain" }],
    ["fd://3", { fd: 3, access: "default" }],
    ["plain://fd://12", { fd: 12, access: "plain" }],
    ["open://fd://4", { fd: 4, access: "open" }],
  ];
  for (const [text, address] of readable) {
    test(`${text} is read`, () => assert.deepEqual(parseListenAddress(text), address));
  }

  const FORMS = "expected :PORT, HOST:PORT, [IPV6]:PORT, unix:/PATH or fd://N";
  const PORTS = "a port is a number from 0 to 65535";
  const unreadable: readonly (readonly [string, string])[] = [
    ["", FORMS],
    ["8080", FORMS],
    ["localhost", FORMS],
    ["localhost:", FORMS],
    ["localhost:http", FORMS],
    ["localhost:-1", FORMS],
    ["localhost:80 ", FORMS],
    ["local host:80", FORMS],
    ["a\0b:80", FORMS],
    ["http://localhost:80", FORMS],
    ["::1:80", FORMS],
    ["[::1]", FORMS],
    ["[::1:80", FORMS],
    ["[]:80", FORMS],
    ["[fe80::1%]:80", FORMS],
    ["[fe80::1%a b]:80", FORMS],
    ["[localhost]:80", FORMS],
    ["plain://", FORMS],
    ["plain://plain://:80", FORMS],
    [":100000", FORMS],
    [":65536", PORTS],
    [":99999", PORTS],
    ["unix:", "expected unix:/PATH"],
    ["fd://2", "expected fd://N with a descriptor from 3 on, such as fd://3"],
    ["fd:3", "expected fd://N with a descriptor from 3 on, such as fd://3"],
    ["fd://03", "expected fd://N with a descriptor from 3 on, such as fd://3"],
    ["fd://1000000", "expected fd://N with a descriptor from 3 on, such as fd://3"],
    ["unix:/run/a\0b", "expected unix:/PATH"],
    [`unix:/${"a".repeat(107)}`, "the path of a unix socket has at most 107 bytes"],
    [`unix:/${"é".repeat(54)}`, "the path of a unix socket has at most 107 bytes"],
  ];
  for (const [text, expected] of unreadable) {
    test(`${JSON.stringify(text.slice(0, 30))} is refused with a reason`, () => {
      assert.throws(
        () => parseListenAddress(text),
        (error: unknown) => {
          assert.ok(error instanceof HealthError);
          assert.equal(error.code, "INVALID_ADDRESS");
          assert.equal(error.message, `address to listen on ${JSON.stringify(text)}: ${expected}`);
          return true;
        },
      );
    });
  }

  test("a unix path of 107 bytes is the longest", () => {
    const path = `/${"a".repeat(106)}`;
    assert.deepEqual(parseListenAddress(`unix:${path}`), { path, access: "default" });
  });

  for (const text of [":0", "127.0.0.1:80", "[::1]:80", "localhost:80", "unix:/run/health.sock"]) {
    test(`${text} is written as it was read`, () => assert.equal(formatAddress(parseListenAddress(text)), text));
  }

  test("a bound address is written with its brackets", () => {
    assert.equal(formatAddress({ host: "::", port: 8080 }), "[::]:8080");
    assert.equal(formatAddress({ path: "/run/health.sock" }), "unix:/run/health.sock");
  });
});
