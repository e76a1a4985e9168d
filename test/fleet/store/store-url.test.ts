import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseStoreUrl } from "../../../src/fleet/store/store-url.js";

describe("the URL of a store", () => {
  test("redis:// has a host, a port, a database and a login", () => {
    const { kind, isTls, hosts, user, password, database } = parseStoreUrl("redis://hb:p%40s%2Fs@redis.example:7000/3");
    assert.deepEqual(
      { kind, isTls, hosts, user, password, database },
      {
        kind: "redis",
        isTls: false,
        hosts: [{ host: "redis.example", port: 7000 }],
        user: "hb",
        password: "p@s/s",
        database: "3",
      },
    );
  });

  test("what is left out has a default", () => {
    const { hosts, user, password, database } = parseStoreUrl("redis://:secret@redis");
    assert.deepEqual(
      { hosts, user, password, database },
      { hosts: [{ host: "redis", port: 6379 }], user: undefined, password: "secret", database: "0" },
    );
    assert.equal(parseStoreUrl("postgresql://me@db").database, "me");
  });

  test("rediss, in each form, is with TLS", () => {
    const secure = ["rediss://a", "rediss+sentinel://a/m", "rediss+cluster://a", "postgres://me@a?sslmode=verify-full"];
    for (const url of secure) assert.equal(parseStoreUrl(url).isTls, true, url);
    for (const url of ["redis://a", "redis+cluster://a", "postgres://me@a"])
      assert.equal(parseStoreUrl(url).isTls, false, url);
  });

  test("Sentinel has several hosts, a master, a database and a login of its own", () => {
    const url = "redis+sentinel://hb:pw@a:1,[::1]:2,c/mymaster?db=2&sentinelUser=s&sentinelPassword=s+p%2B%26";
    const { kind, hosts, master, database, user, sentinel, label } = parseStoreUrl(url);
    assert.equal(kind, "sentinel");
    assert.deepEqual(hosts, [
      { host: "a", port: 1 },
      { host: "::1", port: 2 },
      { host: "c", port: 26379 },
    ]);
    assert.deepEqual({ master, database, user }, { master: "mymaster", database: "2", user: "hb" });
    assert.deepEqual(sentinel, { user: "s", password: "s+p+&" });
    assert.equal(label, "redis+sentinel://a:1,[::1]:2,c:26379");
  });

  const FAULTS: Readonly<Record<string, RegExp>> = {
    "http://redis": /must start with redis:\/\/.*; got http:\/\//,
    "redis.example:6379": /must start with redis:\/\//,
    "redis://": /must have a host/,
    "redis://a,b": /must have one host/,
    "redis://a:70000": /port from 1 to 65535/,
    "redis://a/b": /number of a database/,
    "redis://a/0?db=1": /unknown option.*has none/,
    "redis://a/0#x": /without a fragment/,
    "redis+cluster://a/1": /no database but 0/,
    "redis+sentinel://a": /name of the master/,
    "redis+sentinel://a/m?db=x": /number of a database/,
    "postgres://db/healthbridge": /must have a user/,
    "postgres://me@a,b/x": /must have one host/,
    "postgres://me@a/x?sslmode=prefer": /sslmode of disable/,
    "postgres://me:%zz@a/x": /percent-encoding in its password/,
    "redis://me:a%00b@a": /control characters in its password/,
  };
  for (const [url, expected] of Object.entries(FAULTS))
    test(`${url} is refused`, () =>
      assert.throws(() => parseStoreUrl(url), { code: "INVALID_OPTION", message: expected }));

  test("no error shows a password, whichever characters it has", () => {
    const schemes = ["redis", "rediss", "redis+sentinel", "postgres", "http", "redis+cluster"];
    fc.assert(
      fc.property(fc.constantFrom(...schemes), fc.string({ minLength: 4, maxLength: 12 }), (scheme, text) => {
        const password = `pw${text}Zq9`;
        try {
          parseStoreUrl(`${scheme}://hb:${password}@redis/m`);
        } catch (error) {
          assert.ok(error instanceof Error);
          assert.doesNotMatch(error.message, /Zq9/);
          assert.ok(!error.message.includes(`pw${text.slice(0, 2)}`));
        }
      }),
    );
  });
});
