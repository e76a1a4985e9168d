/** What a gRPC target is asked with: `authority`, `metadata`, names in TLS, and `grpc+unix`. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createSecureServer, createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { HealthError } from "../../src/core/health-error.js";
import { Health } from "../../src/daemon/health.js";
import { maskSecrets } from "../../src/probers/masked.js";
import type { ProberOptions } from "../../src/probers/options.js";
import { fail } from "../../src/probers/prober.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { faultsOf } from "../config/reading.js";
import { SeededRandom } from "../support/seeded-random.js";
import { probe, verdict } from "./probing.js";
import { answer, SERVING } from "./targets.js";

const fixture = (file: string) => readFileSync(new URL(`../fixtures/tls/${file}`, import.meta.url), "utf8");
const CA = fixture("ca.crt");

/** What a server has seen of a probe. */
interface Seen {
  readonly verdict: string;
  readonly headers: IncomingHttpHeaders;
  /** The name in SNI; `false` without one. */
  readonly sni: string | false | null | undefined;
}

/** Probes a server of Node's HTTP/2 on loopback, in clear text or over TLS. */
async function ask(scheme: "grpc" | "grpcs", options: ProberOptions): Promise<Seen> {
  const seen: { headers: IncomingHttpHeaders; sni: string | false | null | undefined }[] = [];
  const server =
    scheme === "grpc"
      ? createServer()
      : createSecureServer({ cert: fixture("server.crt"), key: fixture("server.key") });
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    seen.push({ headers, sni: (stream.session?.socket as TLSSocket | undefined)?.servername });
    answer(stream, SERVING);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const prober = openTarget(`${scheme}://127.0.0.1:${port}/s`, systemDeps(), options);
  const result = await verdict(prober);
  prober.close();
  await new Promise((resolve) => server.close(resolve));
  return { verdict: result, headers: seen[0]?.headers ?? {}, sni: seen[0]?.sni };
}

describe("the authority of calls, and the name in TLS", () => {
  const rows: readonly (readonly [options: ProberOptions, authority: RegExp, sni?: string | false])[] = [
    [{}, /^127\.0\.0\.1:\d+$/],
    [{ authority: "orders.example" }, /^orders\.example$/],
    [{ authority: "orders.example:443" }, /^orders\.example:443$/],
    [{ authority: "my_cluster" }, /^my_cluster$/],
    [{ authority: "[::1]:7" }, /^\[::1\]:7$/],
    [{ authority: "bücher.test:443" }, /^xn--bcher-kva\.test:443$/],
    [{ tls: { ca: CA } }, /^127\.0\.0\.1:\d+$/, false],
    [{ tls: { ca: CA, serverName: "localhost" } }, /^localhost$/, "localhost"],
    [{ tls: { ca: CA }, authority: "localhost:1234" }, /^localhost:1234$/, "localhost"],
    [{ tls: { ca: CA, serverName: "localhost" }, authority: "orders.example" }, /^orders\.example$/, "localhost"],
  ];
  for (const [options, authority, sni] of rows)
    test(`${JSON.stringify({ ...options, tls: options.tls && { ...options.tls, ca: "CA" } })}`, async () => {
      const seen = await ask(sni === undefined ? "grpc" : "grpcs", options);
      assert.equal(seen.verdict, "pass");
      assert.match(seen.headers[":authority"] ?? "", authority);
      if (sni !== undefined) assert.equal(seen.sni, sni);
    });

  test("the certificate must have the name of the authority, where no serverName is given", async () => {
    const { verdict: result } = await ask("grpcs", { tls: { ca: CA }, authority: "orders.example:443" });
    assert.equal(result, "fail tls-name");
  });
});

/** What is refused when the check is declared, in the library and in a configuration. */
function assertRefused(options: ProberOptions, expected: RegExp): void {
  const isFault = (error: unknown) =>
    error instanceof HealthError && error.code === "INVALID_OPTION" && expected.test(error.message);
  assert.throws(() => openTarget("grpc://127.0.0.1:1", systemDeps(), options), isFault);
  assert.throws(() => new Health().check("x", "grpc://127.0.0.1:1", options), isFault);
  const text = JSON.stringify({ checks: { x: { target: "grpc://127.0.0.1:1", ...options } } });
  // a configuration takes a number or a switch as its text, where a text is expected
  const isScalar = /:(?:\d+|true)[,}]/.test(text);
  assert.ok(isScalar || faultsOf(text).length > 0, text);
}

describe("an authority that is not a host, or a host and a port, is refused and not shown", () => {
  const given: readonly unknown[] = [
    ...[
      "",
      "a b",
      "a\r\nx: y",
      "a\nb",
      "a\0b",
      "user:hunter2@host",
      "http://host",
      "host/path",
      "host:0",
      "host:65536",
    ],
    ...["host:", ":443", "host:port", "a?b", "a#b", "::1", "[::1", "x".repeat(300), 443, null, ["a"], {}, true],
    ...["\u{1F600}\r", "ｅｘ\u0000"],
  ];
  for (const authority of given)
    test(JSON.stringify(authority).slice(0, 30), () => {
      // callers may have no types
      const options = { authority } as ProberOptions;
      assertRefused(options, /authority:? must be HOST or HOST:PORT, such as orders\.example:443$/);
    });

  test("a serverName that could not be an authority", () => {
    for (const serverName of ["a\r\nx: y", "a b", "", "a\0"])
      assert.throws(
        () => openTarget("grpcs://127.0.0.1:1", systemDeps(), { tls: { serverName } }),
        (error) => error instanceof HealthError && /^tls\.serverName/.test(error.message),
      );
  });
});

test("metadata is sent with each call: names in lower case, binary values as base64 without padding", async () => {
  const metadata = {
    "X-Tenant": "acme, inc; ~",
    authorization: "Bearer abc.def==",
    "trace-bin": "AAEC/w==",
    "Short-Bin": "AAEC/w",
    "user-agent": "probe/1",
    _: "!",
    "a.b-c_1": "x",
  };
  const { verdict: result, headers } = await ask("grpc", { metadata });
  assert.equal(result, "pass");
  const { ":path": path, ":method": method, te, "content-type": type, ...others } = headers;
  assert.deepEqual([path, method, te, type], ["/grpc.health.v1.Health/Check", "POST", "trailers", "application/grpc"]);
  const sent = Object.fromEntries(Object.entries(others).filter(([name]) => !name.startsWith(":")));
  assert.deepEqual(sent, {
    "x-tenant": "acme, inc; ~",
    authorization: "Bearer abc.def==",
    "trace-bin": "AAEC/w",
    "short-bin": "AAEC/w",
    "user-agent": "probe/1",
    _: "!",
    "a.b-c_1": "x",
  });
});

describe("metadata that cannot be sent is refused, and no value is shown", () => {
  const SECRET = "hunter2hunter2";
  const rows: readonly (readonly [metadata: unknown, expected: RegExp])[] = [
    ...[":authority", ":path", ":x"].map((name) => [{ [name]: SECRET }, /is a name of HTTP\/2 itself/] as const),
    ...["grpc-timeout", "Grpc-Encoding", "grpc-x-bin", "te", "TE", "content-type", "connection", "keep-alive"].map(
      (name) => [{ [name]: SECRET }, /is a name that gRPC or HTTP\/2 sets itself/] as const,
    ),
    ...["proxy-connection", "transfer-encoding", "upgrade", "trailer", "content-length"].map(
      (name) => [{ [name]: SECRET }, /is a name that gRPC or HTTP\/2 sets itself/] as const,
    ),
    [{ host: SECRET }, /the option authority sets the name/],
    ...["", "a b", "a\r\nb", "a\0", "ä", "a:b", "a/b", "x".repeat(50).concat("!")].map(
      (name) => [{ [name]: SECRET }, /is not a name/] as const,
    ),
    ...["\r", "\n", "\0", "\t", "\x7f", "é", "\u{1F600}", "\r\nx: y"].map(
      (part) => [{ "x-a": `${SECRET}${part}${SECRET}` }, /must have a value of printable ASCII/] as const,
    ),
    [{ "x-a": ` ${SECRET}` }, /without a space at its ends/],
    [{ "x-a": `${SECRET} ` }, /without a space at its ends/],
    [{ "x-a": "" }, /must not have an empty value/],
    ...[`${SECRET}!`, "A", "AAAAA", "AA=", "AAA==", "AA-_", "AA\n", "A===", "AAEC,AAEC"].map(
      (value) => [{ "x-bin": value }, /must have a value in base64/] as const,
    ),
    ...[1, null, true, [SECRET], {}].map((value) => [{ "x-a": value }, /must have a text as its value/] as const),
    ...["text", [], 1, null].map((value) => [value, /metadata:? must be a table of names and values$/] as const),
    [{ "x-a": "1", "X-A": "2" }, /metadata\.X-A:? must not be there twice/],
    [{ "x-a": SECRET.repeat(600) }, /must have at most 8192 bytes.*got 84\d\d$/],
    [
      Object.fromEntries(Array.from({ length: 250 }, (_, index) => [`x-${index}`, "y"])),
      /must have at most 8192 bytes/,
    ],
  ];
  for (const [metadata, expected] of rows)
    test(JSON.stringify(metadata).slice(0, 60), () => {
      // callers may have no types
      assertRefused({ metadata } as ProberOptions, expected);
      assert.throws(
        () => openTarget("grpc://127.0.0.1:1", systemDeps(), { metadata } as ProberOptions),
        (error) => error instanceof HealthError && !error.message.includes("hunter2"),
      );
    });

  test("drawn by chance: refused, or sent as it is", async () => {
    const random = new SeededRandom(20_261_127);
    const characters = ["-bin", "grpc-", ..."aA0-_.:/ \t\r\n\0=,;é\u{1F600}\x7f\x1b"] as const;
    const draw = () => Array.from({ length: Math.floor(random.next() * 6) }, () => random.pick(characters)).join("");
    const accepted: Record<string, string> = {};
    for (let round = 0; round < 3_000; round += 1) {
      const [name, value] = [draw(), draw()];
      try {
        openTarget("grpc://127.0.0.1:1", systemDeps(), { metadata: { [name]: value }, authority: "a" }).close();
        if (Object.keys(accepted).length < 60) accepted[name.toLowerCase()] = value;
      } catch (error) {
        assert.ok(error instanceof HealthError && error.code === "INVALID_OPTION", String(error));
      }
    }
    assert.ok(Object.keys(accepted).length > 20);
    const { verdict: result, headers } = await ask("grpc", { metadata: accepted });
    assert.equal(result, "pass");
    for (const [name, value] of Object.entries(accepted))
      assert.equal(headers[name], name.endsWith("-bin") ? value.replace(/=+$/, "") : value, name);
  });
});

test("a scheme that would ignore an option refuses it", () => {
  const rows: readonly (readonly [target: string, options: ProberOptions, name: string])[] = [
    ["http://h/", { authority: "a" }, "authority"],
    ["http://h/", { metadata: { a: "b" } }, "metadata"],
    ["tcp://h:1", { metadata: {} }, "metadata"],
    ["grpc://h:1", { headers: { a: "b" } }, "headers"],
    ["grpc://h:1", { tls: { serverName: "a" } }, "tls"],
    ["grpc+unix://%2Frun%2Fx.sock", { tls: { verify: false } }, "tls"],
    ["grpcs://h:1", { expect: { status: [200] } }, "expect"],
  ];
  for (const [target, options, name] of rows)
    assert.throws(
      () => openTarget(target, systemDeps(), options),
      (error) => error instanceof HealthError && error.message.includes(`${name} is not an option`),
      `${target} ${name}`,
    );
});

test("secrets in metadata are masked in what the target answers, also the bytes of a binary value", async () => {
  const key = Buffer.from("binary-secret-1");
  const metadata = { authorization: "Bearer abcdefgh12345", "api-key-bin": key.toString("base64"), "x-tenant": "acme" };
  const detail = `abcdefgh12345 ${metadata["api-key-bin"]} ${key} acme`;
  const prober = { probe: async () => fail("grpc", detail), close: () => {} };
  const masked = maskSecrets(prober, "grpc://h:1", { metadata });
  assert.equal((await probe(masked)).detail, "*** *** *** acme");
});

describe("grpc+unix", () => {
  /** A gRPC server on a socket with a blank in its path. */
  async function listening(t: TestContext) {
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-grpc-unix-"));
    const path = join(folder, "a b.sock");
    const server = createServer();
    const seen: IncomingHttpHeaders[] = [];
    let connections = 0;
    server.on("connection", () => {
      connections += 1;
    });
    server.on("stream", (stream: ServerHttp2Stream, headers) => {
      seen.push(headers);
      answer(stream, SERVING);
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    return { path, server, seen, connectionCount: () => connections };
  }

  test("a server on a Unix socket is asked over one connection; its authority is localhost", async (t) => {
    const { path, server, seen, connectionCount } = await listening(t);
    const target = `grpc+unix://${encodeURIComponent(path)}/acme.Orders`;
    const prober = openTarget(target);
    for (let round = 0; round < 3; round += 1) assert.equal(await verdict(prober), "pass");
    assert.equal(connectionCount(), 1);
    assert.equal(seen[0]?.[":authority"], "localhost");
    prober.close();
    const named = openTarget(target, systemDeps(), {
      authority: "orders.example",
      metadata: { "x-a": "b" },
      reuse: false,
    });
    assert.equal(await verdict(named), "pass");
    assert.deepEqual([seen.at(-1)?.[":authority"], seen.at(-1)?.["x-a"]], ["orders.example", "b"]);
    await new Promise((resolve) => server.close(resolve));
    assert.equal(await verdict(named), "fail refused");
  });

  for (const target of [
    "grpc+unix:///run/x.sock",
    "grpc+unix://x.sock/s",
    "grpc+unix://%2Frun%2Fx.sock:80/s",
    "grpc+unix://",
  ])
    test(`${target} is refused`, () => {
      assert.throws(() => openTarget(target), { code: "INVALID_TARGET" });
    });
});
