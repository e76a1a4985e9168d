/** The flags of `serve`, and the configuration that they make. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readFlags, UsageError } from "../../src/cli/flags.js";
import { configOf, logLevelOf, SERVE_FLAGS } from "../../src/cli/serve-flags.js";

const config = (...args: string[]) => configOf(readFlags(SERVE_FLAGS, args));
const level = (...args: string[]) => logLevelOf(readFlags(SERVE_FLAGS, args));

describe("the configuration that flags make", () => {
  test("without flags, it serves its own health on two ports, with a drain delay of five seconds", () => {
    assert.deepEqual(config(), {
      listen: [":50051", ":8080"],
      checks: [],
      services: [],
      isolation: undefined,
      allowLinkLocal: false,
      tls: undefined,
      engine: undefined,
      statusCodePaths: [],
      paths: [],
      drainDelayMs: 5_000,
      tokenFile: undefined,
      listLimit: undefined,
      maxWatchers: undefined,
      warnings: [],
    });
  });

  test("the configuration is frozen", () => assert.ok(Object.isFrozen(config())));

  test("addresses replace the default and keep their order", () => {
    assert.deepEqual(config("--listen", ":2", "--listen", ":1").listen, [":2", ":1"]);
  });

  test("every check has its name, its target and the settings that were given", () => {
    const settings = [
      "--interval",
      "5s",
      "--timeout",
      "500ms",
      "--unhealthy-threshold",
      "1",
      "--healthy-threshold",
      "4",
    ];
    const { checks } = config("--check", "a=tcp://h:1", "--check", "b=http://h/?x=y", "--jitter", "25", ...settings);
    const options = { interval: 5_000, timeout: 500, unhealthyThreshold: 1, healthyThreshold: 4, jitter: 0.25 };
    assert.deepEqual(checks, [
      { name: "a", source: { kind: "target", url: "tcp://h:1" }, options },
      { name: "b", source: { kind: "target", url: "http://h/?x=y" }, options },
    ]);
  });

  test("settings that are not given keep the defaults of the checks", () => {
    const [check] = config("--check", "a=tcp://h:1").checks;
    const none = {
      interval: undefined,
      timeout: undefined,
      unhealthyThreshold: undefined,
      healthyThreshold: undefined,
    };
    assert.deepEqual(check?.options, { ...none, jitter: undefined });
  });

  test("--jitter 0 is a jitter of 0", () => {
    assert.equal(config("--check", "a=tcp://h:1", "--jitter", "0").checks[0]?.options.jitter, 0);
  });

  test("--token-file names a file", () => assert.equal(config("--token-file", "t.txt").tokenFile, "t.txt"));

  test("--drain-delay 0s is not the default", () => assert.equal(config("--drain-delay", "0s").drainDelayMs, 0));

  test("certificate, key and client CA belong together", () => {
    const pair = ["--tls-cert", "c.pem", "--tls-key", "k.pem"];
    assert.deepEqual(config(...pair).tls, { certFile: "c.pem", keyFile: "k.pem", clientCaFile: undefined });
    assert.deepEqual(config(...pair, "--tls-client-ca", "ca.pem").tls, {
      certFile: "c.pem",
      keyFile: "k.pem",
      clientCaFile: "ca.pem",
    });
  });

  test("paths are kept as they are, in order", () => {
    const paths = ["--path", "/ping", "--path", "/_ah/health", "--status-code-path", "/AWS.ALB/healthcheck"];
    assert.deepEqual(config(...paths).paths, ["/ping", "/_ah/health"]);
    assert.deepEqual(config(...paths).statusCodePaths, ["/AWS.ALB/healthcheck"]);
  });

  const CHECK = (text: string) =>
    `--check ${JSON.stringify(text)}: expected NAME=URL, such as flower=http://localhost:5555/healthcheck`;
  const PATH = "a path starts with a slash and has no spaces";
  const refused: readonly (readonly [readonly string[], string])[] = [
    [["--check", "tcp://h:1"], CHECK("tcp://h:1")],
    [["--check", "=tcp://h:1"], CHECK("=tcp://h:1")],
    [["--check", "a="], CHECK("a=")],
    [["--drain-delay", "5"], '--drain-delay: "5" is not a duration (try 5s, 500ms, 1m)'],
    [["--drain-delay", "-5s"], '--drain-delay: "-5s" is not a duration (try 5s, 500ms, 1m)'],
    [["--interval", "5 parsecs"], '--interval: "5 parsecs" is not a duration (try 5s, 500ms, 1m)'],
    [["--timeout", "x"], '--timeout: "x" is not a duration (try 5s, 500ms, 1m)'],
    [["--unhealthy-threshold", "0"], '--unhealthy-threshold: "0" is not a whole number from 1 on'],
    [["--healthy-threshold", "1.5"], '--healthy-threshold: "1.5" is not a whole number from 1 on'],
    [["--healthy-threshold", "1e3"], '--healthy-threshold: "1e3" is not a whole number from 1 on'],
    [["--jitter", "-1"], '--jitter: "-1" is not a whole number from 0 on'],
    [["--jitter", "10%"], '--jitter: "10%" is not a whole number from 0 on'],
    [["--tls-cert", "c"], "--tls-cert needs --tls-key beside it"],
    [["--tls-key", "k"], "--tls-key needs --tls-cert beside it"],
    [["--tls-client-ca", "ca"], "--tls-client-ca needs --tls-cert and --tls-key beside it"],
    [["--tls-client-ca", "ca", "--tls-cert", "c"], "--tls-cert needs --tls-key beside it"],
    [["--path", "ping"], `--path "ping": ${PATH}`],
    [["--path", "/"], `--path "/": ${PATH}`],
    [["--path", "/a b"], `--path "/a b": ${PATH}`],
    [["--status-code-path", "/é/x"], `--status-code-path "/é/x": ${PATH}`],
  ];
  for (const [args, message] of refused) {
    test(`${args.join(" ")} is refused, with and without a check`, () => {
      assert.throws(() => config("--check", "z=tcp://h:1", ...args), new UsageError(message));
      assert.throws(() => config(...args), new UsageError(message));
    });
  }
});

describe("the log's level", () => {
  test("is info by default", () => assert.equal(level(), "info"));
  for (const known of ["debug", "info", "warn", "error", "silent"]) {
    test(`can be ${known}`, () => assert.equal(level("--log-level", known), known));
  }
  test("is refused if it is unknown, and the error lists the known levels", () => {
    const message = '--log-level: "loud" is none of debug, info, warn, error, silent';
    assert.throws(() => level("--log-level", "loud"), new UsageError(message));
  });
});
