/** The flags of `serve`, and the configuration that they make. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { describeFlags, readFlags, UsageError } from "../../src/cli/flags.js";
import { loadConfig } from "../../src/cli/load-config.js";
import { logLevelOf, SERVE_FLAGS } from "../../src/cli/serve-flags.js";
import { type DaemonConfig, DEFAULT_CONFIG } from "../../src/config/daemon-config.js";
import { ConfigError } from "../../src/config/fault.js";
import { requireValid } from "../../src/config/validate.js";

const pem = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));
const level = (...args: string[]) => logLevelOf(readFlags(SERVE_FLAGS, args));

/** The configuration that flags make, on top of a file if there is one. */
async function config(...args: string[]): Promise<DaemonConfig> {
  const values = readFlags(SERVE_FLAGS, args);
  return requireValid(await loadConfig(values.get("config")?.[0], values));
}

/** The lines that refuse flags and a file. */
async function refusal(...args: string[]): Promise<readonly string[]> {
  try {
    await config(...args);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split("\n");
    throw error;
  }
  return [];
}

function fileOf(t: TestContext, name: string, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-flags-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, name), text, { mode: 0o600 });
  return join(folder, name);
}

describe("the configuration that flags make", () => {
  test("without flags is the default: its own health on two ports, with five seconds of drain", async () => {
    const { listen, checks, drainDelayMs, listLimit, maxWatchers } = await config();
    assert.deepEqual([listen, checks, drainDelayMs], [[":50051", ":8080"], [], 5_000]);
    assert.deepEqual([listLimit, maxWatchers], [10_000, 50_000]);
    assert.deepEqual(await config(), DEFAULT_CONFIG);
  });

  test("is frozen", async () => assert.ok(Object.isFrozen(await config())));

  test("has addresses in place of the default, in their order", async () => {
    assert.deepEqual((await config("--listen", ":2", "--listen", ":1")).listen, [":2", ":1"]);
  });

  test("has checks with their name, their target and the settings that were given", async () => {
    const times = ["--interval", "5s", "--timeout", "500ms"];
    const thresholds = ["--unhealthy-threshold", "1", "--healthy-threshold", "4", "--jitter", "25"];
    const { checks } = await config("--check", "a=tcp://h:1", "--check", "b=http://h/?x=y", ...times, ...thresholds);
    const options = { interval: "5s", timeout: "500ms", unhealthyThreshold: 1, healthyThreshold: 4, jitter: 0.25 };
    assert.deepEqual(checks, [
      { name: "a", source: { kind: "target", url: "tcp://h:1" }, options: { ...options, tls: undefined } },
      { name: "b", source: { kind: "target", url: "http://h/?x=y" }, options: { ...options, tls: undefined } },
    ]);
  });

  test("leaves settings that were not given to the checks", async () => {
    const [check] = (await config("--check", "a=tcp://h:1")).checks;
    assert.deepEqual(check?.options, { tls: undefined });
  });

  test("takes a jitter of 0 as no jitter", async () => {
    assert.equal((await config("--check", "a=tcp://h:1", "--jitter", "0")).checks[0]?.options.jitter, 0);
  });

  test("has the token of a file", async (t) => {
    assert.equal((await config("--token-file", fileOf(t, "token", "s3cret\n"))).token, "s3cret");
  });

  test("takes a delay of 0 as no delay", async () =>
    assert.equal((await config("--drain-delay", "0s")).drainDelayMs, 0));

  test("has the texts of certificate, key and client CA", async () => {
    const pair = ["--tls-cert", pem("server.crt"), "--tls-key", pem("server.key")];
    const { tls } = await config(...pair);
    assert.ok(tls?.cert.includes("CERTIFICATE") && tls.key.includes("KEY") && tls.clientCa === undefined);
    assert.ok((await config(...pair, "--tls-client-ca", pem("ca.crt"))).tls?.clientCa?.includes("CERTIFICATE"));
  });

  test("has paths as they are, in their order", async () => {
    const paths = ["--path", "/ping", "--path", "/", "--status-code-path", "/AWS.ALB/healthcheck"];
    assert.deepEqual((await config(...paths)).paths, ["/ping", "/"]);
    assert.deepEqual((await config(...paths)).statusCodePaths, ["/AWS.ALB/healthcheck"]);
  });

  test("is on top of a file: checks and paths are added, other values replace those of the file", async (t) => {
    const text =
      'listen: [":1"]\npaths: [/a]\ndrainDelay: 1s\nengine: grpc-js\nchecks: { a: "tcp://h:1" }\nservices: { s: [a, b] }\n';
    const file = fileOf(t, "healthbridge.yaml", text);
    const { listen, paths, drainDelayMs, engine, checks, services } = await config(
      ...["-c", file, "--listen", ":2", "--path", "/b", "--drain-delay", "2s", "--check", "b=tcp://h:2"],
    );
    assert.deepEqual([listen, paths, drainDelayMs, engine], [[":2"], ["/a", "/b"], 2_000, "grpc-js"]);
    assert.deepEqual(
      checks.map(({ name }) => name),
      ["a", "b"],
    );
    assert.deepEqual(services[0]?.members, ["a", "b"]);
  });

  const CHECK = (text: string) =>
    `--check ${JSON.stringify(text)}: expected NAME=URL, such as flower=http://localhost:5555/healthcheck`;
  const refused: readonly (readonly [readonly string[], string])[] = [
    [["--check", "tcp://h:1"], CHECK("tcp://h:1")],
    [["--check", "=tcp://h:1"], CHECK("=tcp://h:1")],
    [["--check", "a="], CHECK("a=")],
    [["--drain-delay", "5"], '--drain-delay: "5" is not a duration (try 5s, 500ms, 1m)'],
    [["--drain-delay", "-5s"], '--drain-delay: "-5s" is not a duration (try 5s, 500ms, 1m)'],
    [["--interval", "5 parsecs"], '--interval: "5 parsecs" is not a duration (try 5s, 500ms, 1m)'],
    [["--timeout", "x"], '--timeout: "x" is not a duration (try 5s, 500ms, 1m)'],
    [["--unhealthy-threshold", "0"], '--unhealthy-threshold: "0" is not a whole number from 1 to 999999'],
    [["--healthy-threshold", "1.5"], '--healthy-threshold: "1.5" is not a whole number from 1 to 999999'],
    [["--healthy-threshold", "1e3"], '--healthy-threshold: "1e3" is not a whole number from 1 to 999999'],
    [["--jitter", "-1"], '--jitter: "-1" is not a whole number from 0 to 100'],
    [["--jitter", "101"], '--jitter: "101" is not a whole number from 0 to 100'],
    [["--jitter", "10%"], '--jitter: "10%" is not a whole number from 0 to 100'],
    [["--engine", "nginx"], '--engine: must be one of native, grpc-js; got "nginx"'],
    [["--tls-cert", "c"], "--tls-cert needs --tls-key too"],
    [["--tls-key", "k"], "--tls-key needs --tls-cert too"],
    [["--tls-client-ca", "ca"], "--tls-client-ca needs --tls-cert and --tls-key too"],
    [["--tls-client-ca", "ca", "--tls-cert", "c"], "--tls-cert needs --tls-key too"],
  ];
  for (const [keys, flags] of [
    ["interval", "--interval 5s"],
    ["timeout", "--timeout 500ms"],
    ["unhealthyThreshold", "--unhealthy-threshold 2"],
    ["healthyThreshold", "--healthy-threshold 2"],
    ["jitter", "--jitter 0"],
  ] as const) {
    test(`refuses ${flags} without a --check, and names both places where it can be set`, async (t) => {
      const file = fileOf(t, "healthbridge.yaml", 'checks: { a: "tcp://h:1" }');
      const message = `${flags.split(" ")[0]} applies to --check only; give --check NAME=URL, or set defaults.${keys} in the configuration file`;
      await assert.rejects(config(...flags.split(" ")), new UsageError(message));
      await assert.rejects(config("-c", file, ...flags.split(" ")), new UsageError(message));
      assert.equal((await config("--check", "z=tcp://h:1", ...flags.split(" "))).checks.length, 1);
    });
  }

  test("refuses several settings without a --check in one line", async () => {
    const message =
      "--interval, --jitter apply to --check only; give --check NAME=URL, or set defaults.interval, defaults.jitter in the configuration file";
    await assert.rejects(config("--jitter", "5", "--interval", "5s"), new UsageError(message));
  });

  for (const [args, message] of refused) {
    test(`refuses ${args.join(" ")}, with a check to use it or without`, async () => {
      await assert.rejects(config("--check", "z=tcp://h:1", ...args), new UsageError(message));
      await assert.rejects(config(...args), new UsageError(message));
    });
  }
});

describe("what is wrong with a value", () => {
  const slash = "must start with a slash and have no spaces; got";
  const z = ["--check", "z=tcp://h:1"];
  const rows: readonly (readonly [readonly string[], readonly string[]])[] = [
    [
      ["--path", "ping", "--path", "/a b"],
      [`--path: ${slash} "ping"`, `--path: ${slash} "/a b"`],
    ],
    [["--status-code-path", "/é/x"], [`--status-code-path: ${slash} "/é/x"`]],
    [
      ["--status-code-path", "/grpc.health.v1.Health/Check"],
      ['--status-code-path: the server already has a method "/grpc.health.v1.Health/Check"'],
    ],
    [["--listen", ":1", "--listen", "plain://:1"], ['--listen: "plain://:1" is listed twice']],
    [
      ["--listen", "8080"],
      ['--listen: address to listen on "8080": expected :PORT, HOST:PORT, [IPV6]:PORT, unix:/PATH or fd://N'],
    ],
    [[...z, "--timeout", "20s"], ["--timeout: 20s must be below --interval (default 10s)"]],
    [[...z, "--interval", "1s", "--timeout", "1s"], ["--timeout: 1s must be below --interval (1s)"]],
    [[...z, "--interval", "1m", "--timeout", "90s"], ["--timeout: 90s must be below --interval (1m)"]],
    [[...z, "--interval", "0s"], ['--interval: must be a duration above zero, such as 5s, 500ms or 1m; got "0s"']],
    [[...z, ...z], ['--check z: there is another check named "z" on the command line']],
    [
      ["--check", "self-check=tcp://h:1"],
      ['--check self-check: the name "self-check" is reserved for the isolation rule'],
    ],
    [
      ["--check", "liveness=tcp://h:1"],
      ['--check liveness: the name must not be "liveness", which is reserved for the liveness view (/livez)'],
    ],
    [["--check", "z=tcp://h"], ['--check z: target "tcp://h": a port is missing; expected tcp://host:port']],
    [
      ["--tls-cert", "/nonexistent.pem", "--tls-key", pem("server.key")],
      ["--tls-cert: cannot read the file /nonexistent.pem: not found (ENOENT)"],
    ],
    [["--token-file", "/nonexistent"], ["--token-file: cannot read the file /nonexistent: not found (ENOENT)"]],
  ];
  for (const [args, lines] of rows)
    test(`${args.join(" ")} is shown with its flag`, async () => assert.deepEqual(await refusal(...args), lines));

  test("is shown at its line or with its flag, also where a file and flags are in conflict", async (t) => {
    const file = fileOf(
      t,
      "healthbridge.yaml",
      'defaults: { timeout: 5s }\nchecks:\n  a: { target: "tcp://h:1", interval: 1s }\n  b: { target: "tcp://h:2", services: [y] }\nservices:\n  x: [a]\n',
    );
    const flags = ["a=tcp://h:3", "x=tcp://h:4", "y=tcp://h:5"].flatMap((check) => ["--check", check]);
    assert.deepEqual(await refusal("-c", file, ...flags, "--timeout", "1m"), [
      `${file}:1:22: defaults.timeout: 5s must be below checks.a.interval (1s)`,
      `${file}:4:40: checks.b.services[0]: a check has this name already (--check y)`,
      `${file}:6:6: services.x: a check has this name already (--check x)`,
      '--check a: there is another check named "a" in the file',
      "--timeout: 1m must be below --interval (default 10s)",
    ]);
  });
});

describe("the help", () => {
  test("has lines of at most 100 columns", () => {
    for (const line of describeFlags(SERVE_FLAGS).split("\n")) assert.ok(line.length <= 100, line);
  });
});

describe("the log's level", () => {
  test("is info by default", () => assert.equal(level(), "info"));
  for (const known of ["debug", "info", "warn", "error", "silent"]) {
    test(`can be ${known}`, () => assert.equal(level("--log-level", known), known));
  }
  test("that does not exist is refused, with those that do", () => {
    const message = '--log-level: must be one of debug, info, warn, error, silent; got "loud"';
    assert.throws(() => level("--log-level", "loud"), new UsageError(message));
  });
});
