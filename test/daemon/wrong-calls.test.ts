/** Calls of callers without types: a mistake is a HealthError that says what is expected, and never passes unnoticed. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createNetServer } from "node:net";
import { describe, test } from "node:test";
import { gracefulShutdown, Health, processPressure } from "../../src/index.js";

/** What an Express application is for `attach`: a function that can listen and emit, and that emits no requests. */
const expressLike = Object.assign(() => {}, { emit() {}, on() {}, listen() {} });

/** Calls a method or function as JavaScript does: without types. */
const call = (owner: object, method: string, args: readonly unknown[]): unknown =>
  Reflect.apply(Reflect.get(owner, method), owner, args);

describe("a call without types", () => {
  const health = new Health();
  const functions = {
    gracefulShutdown,
    processPressure,
    create: (options: unknown) => Reflect.construct(Health, [options]),
  };
  const own = "127.0.0.1:0";
  const cases: readonly (readonly [string, object, string, readonly unknown[], string, RegExp])[] = [
    [
      "attach of an application of Express",
      health,
      "attach",
      [expressLike],
      "INVALID_OPTION",
      /what app\.listen\(\) returns/,
    ],
    ["attach of an object", health, "attach", [{}], "INVALID_OPTION", /expected a server of node:http/],
    ["attach of nothing", health, "attach", [], "INVALID_OPTION", /expected a server of node:http/],
    [
      "addToServer of an HTTP server",
      health,
      "addToServer",
      [createServer()],
      "INVALID_OPTION",
      /a Server of @grpc\/grpc-js/,
    ],
    [
      "attach of a server of node:net",
      health,
      "attach",
      [createNetServer()],
      "INVALID_OPTION",
      /a server of node:http/,
    ],
    [
      "a start of a word",
      functions,
      "create",
      [{ startsReady: "no" }],
      "INVALID_OPTION",
      /startsReady must be true or/,
    ],
    ["a start of null", functions, "create", [{ startsReady: null }], "INVALID_OPTION", /startsReady must be true or/],
    ["an empty start of 0", functions, "create", [{ startsEmpty: 0 }], "INVALID_OPTION", /startsEmpty must be true or/],
    ["metrics of a word", functions, "create", [{ metrics: "on" }], "INVALID_OPTION", /metrics must be true or false/],
    ["listen with no", health, "listen", [[own], { grpcHealth: "no" }], "INVALID_OPTION", /grpcHealth must be true/],
    [
      "listen with 0",
      health,
      "listen",
      [[own], { reflection: 0 }],
      "INVALID_OPTION",
      /reflection must be true or false/,
    ],
    ["listen with thread", health, "listen", [[own], { thread: "" }], "INVALID_OPTION", /thread must be true or false/],
    ["addToServer of nothing", health, "addToServer", [], "INVALID_OPTION", /a Server of @grpc\/grpc-js/],
    ["listen of a port", health, "listen", [8080], "INVALID_ADDRESS", /a list of addresses/],
    ["listen of one address", health, "listen", [own], "INVALID_ADDRESS", /a list of addresses/],
    ["listen of a list of ports", health, "listen", [[8080]], "INVALID_ADDRESS", /a list of addresses/],
    ["listen of nothing", health, "listen", [], "INVALID_ADDRESS", /a list of addresses/],
    [
      "listen with TLS of another name",
      health,
      "listen",
      [[own], { TLS: {} }],
      "INVALID_OPTION",
      /"TLS" is not an option of listen/,
    ],
    [
      "listen with a limit of another name",
      health,
      "listen",
      [[own], { maxConnection: 1 }],
      "INVALID_OPTION",
      /maxConnections\?/,
    ],
    [
      "listen in a thread with an unknown option",
      health,
      "listen",
      [[own], { thread: true, engin: "native" }],
      "INVALID_OPTION",
      /engine\?/,
    ],
    [
      "listen with options of one word",
      health,
      "listen",
      [[own], "tls"],
      "INVALID_OPTION",
      /must be an object; got tls/,
    ],
    [
      "middleware with a list",
      health,
      "middleware",
      ["/api"],
      "INVALID_OPTION",
      /options of middleware must be an object/,
    ],
    ["handler with null", health, "handler", [null], "INVALID_OPTION", /options of handler must be an object/],
    ["onTransition of nothing", health, "onTransition", [], "INVALID_OPTION", /expected a function/],
    ["fetch of a URL", health, "fetch", ["http://localhost/healthcheck"], "INVALID_OPTION", /expected a Request/],
    ["fetch of nothing", health, "fetch", [], "INVALID_OPTION", /expected a Request/],
    [
      "gracefulShutdown of nothing",
      functions,
      "gracefulShutdown",
      [],
      "INVALID_OPTION",
      /options of gracefulShutdown must be/,
    ],
    [
      "processPressure of nothing",
      functions,
      "processPressure",
      [],
      "INVALID_OPTION",
      /options of processPressure must be/,
    ],
    [
      "shutdown with drainDelay",
      health,
      "shutdown",
      [{ drainDelay: 0 }],
      "INVALID_OPTION",
      /did you mean drainDelayMs/,
    ],
    [
      "shutdown with a text",
      health,
      "shutdown",
      [{ drainDelayMs: "5s" }],
      "INVALID_OPTION",
      /drainDelayMs must be a num/,
    ],
    [
      "shutdown with NaN",
      health,
      "shutdown",
      [{ closeTimeoutMs: Number.NaN }],
      "INVALID_OPTION",
      /closeTimeoutMs must/,
    ],
    [
      "shutdown with -1",
      health,
      "shutdown",
      [{ closeTimeoutMs: -1 }],
      "INVALID_OPTION",
      /closeTimeoutMs must be a num/,
    ],
    ["shutdown with 0", health, "shutdown", [0], "INVALID_OPTION", /options of shutdown must be an object; got 0/],
    ["new Health(3)", functions, "create", [3], "INVALID_OPTION", /options of Health must be an object; got 3/],
  ];
  const pem = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url));
  const [cert, key] = [pem("server.crt"), pem("server.key")];
  const identities: readonly (readonly [string, object, RegExp])[] = [
    ["without a certificate", { key }, /the TLS certificate must be PEM, as a string or Buffer; got undefined/],
    ["without a key", { cert }, /the TLS key must be PEM/],
    ["with a client CA that is no text", { cert, key, clientCa: true }, /client CA must be PEM.*; got boolean/],
  ];
  for (const [title, tls, message] of identities)
    test(`is refused with what is expected: listen with TLS ${title}`, async () => {
      await assert.rejects(async () => call(health, "listen", [[own], { tls }]), { code: "TLS_FAILED", message });
    });

  for (const [title, owner, method, args, code, message] of cases)
    test(`is refused with what is expected: ${title}`, async () => {
      await assert.rejects(async () => call(owner, method, args), { code, message });
    });

  test("that is refused by shutdown changes nothing: the services are SERVING, and listen works", async () => {
    const other = new Health();
    await assert.rejects(async () => call(other, "shutdown", [{ drainDelay: 0 }]), { code: "INVALID_OPTION" });
    assert.equal(other.status(""), "SERVING");
    await other.listen([own]);
    await other.shutdown({ drainDelayMs: 0 });
  });

  test("that is refused by listen leaves nothing open: the next one serves", async () => {
    const other = new Health();
    await assert.rejects(async () => call(other, "listen", [[own], { TLS: {} }]), { code: "INVALID_OPTION" });
    const server = await other.listen([own]);
    assert.equal(server.addresses.length, 1);
    await other.shutdown({ drainDelayMs: 0 });
  });
});
