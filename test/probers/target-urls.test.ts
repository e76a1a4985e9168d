/** URLs of targets that careless users write: each is refused with the reason, and none is read as another URL. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openTarget } from "../../src/probers/schemes.js";

describe("a URL that a parser would read in another way, or not at all, is refused with its reason", () => {
  const SLASHES = /after the scheme there must be two slashes and a host; expected /;
  const rows: readonly (readonly [target: string, expected: RegExp])[] = [
    ...[
      "http:name",
      "http:/name",
      "http:///name",
      "https:name",
      "ws:h",
      "redis:h",
      "grpc:h:1",
      "flower+http:h:5555",
    ].map((target) => [target, SLASHES] as const),
    ...["http://h:65536/", "tcp://h:70000", "grpc://h:123456/x", "redis://[::1]:99999"].map(
      (target) => [target, /: a port is a number from 1 to 65535$/] as const,
    ),
    ...["tcp://h:1 x", "tcp://h:abc", "tcp://h:1:2", "http://h:-1/"].map(
      (target) => [target, /: a port is a number; expected a URL/] as const,
    ),
    ...["tcp://::1:80", "http://::1/", "http://fe80::1", "http://[::1"].map(
      (target) => [target, /: an IPv6 address must be in brackets: http:\/\/\[::1\]:8080\/path$/] as const,
    ),
    ...["http://", "tcp://:80", "http://:80/"].map((target) => [target, /: a host is missing; expected/] as const),
    ...["http://ho st/", "http://256.1.1.1/", "http://%zz/"].map(
      (target) => [target, /: its host is not a valid name or address; expected/] as const,
    ),
    ...["http://h/a\nb", "http://ho\nst/", "tcp://h:1\0", "redis://u:p\tw@h", "dns:a\rb"].map(
      (target) => [target, /: a URL must have no line breaks and control characters$/] as const,
    ),
    ...["http:\\\\name", "http://h\\x", "http://u:1\\w@h/", "redis://u:p\\w@h"].map(
      (target) => [target, /: a URL must have \/ and no backslash; in a password write %5C$/] as const,
    ),
    ...["localhost:8080", "db:5432/x", "h:80"].map(
      (target) => [target, /: a scheme is missing; expected a URL such as tcp:\/\/host:port/] as const,
    ),
    ...["redis://u:p#ss@h:6379", "http://u:p/ss@h", "http://u:1#ss@h/", "amqp://u:p?ss@h"].map(
      (target) =>
        [target, /target "[a-z]+:\/\/\*\*\*@h.*in its password write # as %23.*or use the option password/] as const,
    ),
  ];
  for (const [target, expected] of rows)
    test(JSON.stringify(target), () =>
      assert.throws(() => openTarget(target), { code: "INVALID_TARGET", message: expected }),
    );
});

test("a long target is shown without its end", () => {
  assert.throws(
    () => openTarget(`tcp://${"x".repeat(5_000)}`),
    (error) => error instanceof Error && error.message.length < 500 && /x\.\.\.": /.test(error.message),
  );
});

test("spaces at the ends, an empty port and a path with a colon are no faults", () => {
  for (const target of [" http://h/ ", "http://h/\n", "http://h:/x", "HTTP://H/", "http://h/a:1/b", "http://h/?a=\\"])
    openTarget(target).close();
});
