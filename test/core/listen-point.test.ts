/** Entries of `listen` with their settings, and the proxies that they name. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HealthError } from "../../src/core/health-error.js";
import { parseListenEntry } from "../../src/core/listen-point.js";

describe("the proxies of an entry", () => {
  const RANGES = ["10.0.0.0/8", "192.0.2.1", "fd00::/8", "::1"];
  const peers: readonly (readonly [address: string | undefined, isProxy: boolean])[] = [
    ["10.255.255.255", true],
    ["::ffff:10.0.0.1", true],
    ["11.0.0.0", false],
    ["192.0.2.1", true],
    ["192.0.2.2", false],
    ["fdff::1", true],
    ["fdff::1%eth0", true],
    ["fe00::1", false],
    ["::1", true],
    ["::2", false],
    [undefined, false],
  ];
  for (const [address, isProxy] of peers) {
    test(`${isProxy ? "match" : "do not match"} the peer ${address ?? "without an address"}`, () => {
      const { proxies } = parseListenEntry({ address: ":80", proxyProtocol: { from: RANGES } });
      assert.equal(proxies?.includes(address), isProxy);
    });
  }

  test("are all peers of a unix socket", () => {
    const { proxies } = parseListenEntry({ address: "open://unix:/run/h", proxyProtocol: { from: ["unix"] } });
    assert.equal(proxies?.includes(undefined), true);
  });

  test("are none without proxyProtocol", () => {
    assert.equal(parseListenEntry({ address: ":80" }).proxies, undefined);
    assert.equal(parseListenEntry(":80").proxies, undefined);
  });
});

describe("an entry", () => {
  const from = (...texts: readonly unknown[]) => ({ address: ":80", proxyProtocol: { from: texts } });
  const EXPECTED = "must be an IP address or a range such as 10.0.0.0/8 or fd00::/8";
  const refused: readonly (readonly [entry: unknown, message: RegExp])[] = [
    [80, /^listen\(\) needs a list of addresses, .*; an entry can be a table with an address$/],
    [null, /^listen\(\) needs a list of addresses/],
    [{}, /^listen\(\) needs a list of addresses/],
    [{ address: "80" }, /^address to listen on "80": expected :PORT/],
    [{ address: ":80", proxy: {} }, /^"proxy" is not an option of listen; /],
    [{ address: ":80", proxyProtocol: true }, /^the options of proxyProtocol must be an object/],
    [{ address: ":80", proxyProtocol: {} }, /^proxyProtocol\.from must be a list of addresses/],
    [{ address: ":80", proxyProtocol: { from: "10.0.0.1" } }, /^proxyProtocol\.from must be a list of addresses/],
    [from(), /^proxyProtocol\.from must have at least one address/],
    [from(1), /^proxyProtocol\.from 1 must be a text$/],
    ...["10.0.0.0/33", "fd00::/129", "10.0.0/8", "localhost", "10.0.0.1:80", "10.0.0.0/", "fe80::1%eth0", ""].map(
      (text) => [from(text), new RegExp(`^proxyProtocol\\.from "${text}" ${EXPECTED}$`)] as const,
    ),
    [from("::ffff:10.0.0.0/104"), /is an IPv4 address inside an IPv6 one; write the IPv4 address alone$/],
    [from("unix"), /^proxyProtocol\.from "unix" is for unix sockets; write the addresses of the proxies$/],
    [
      { address: "unix:/run/h", proxyProtocol: { from: ["10.0.0.0/8"] } },
      /"10\.0\.0\.0\/8" matches no peer of a unix socket, which has no address; write unix$/,
    ],
  ];
  for (const [entry, message] of refused) {
    test(`${JSON.stringify(entry)} is refused with a reason`, () => {
      // what a caller without types can give
      assert.throws(
        () => parseListenEntry(entry as never),
        (error) => {
          assert.ok(error instanceof HealthError);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }
});
