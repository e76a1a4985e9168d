/**
 * grpc_health_probe and ours over the same servers: exit code, streams and text.
 *
 *     text    equal, but for times that are measured
 *     cause   ours is their line, and the cause after a colon
 *     other   a difference that docs/probe.md names, by both texts
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createNet } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createServer as createTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { Health } from "../../src/index.js";
import { probeOnce } from "../cli/probe/probe-once.js";
import { GRPC_SERVERS } from "../client/grpc-servers.js";
import { answering, head, rawServer } from "../client/raw-server.js";
import { fixture } from "../conformance/wire.rows.js";
import { httpTarget, silentTarget, Target } from "../probers/targets.js";
import { certify, createSubject } from "../support/certificates.js";
import { portOf } from "../support/port-of.js";
import { FLAG, headerBlock } from "../support/raw-http2.js";
import { grpcHealthProbe } from "./install.js";
import { type Ended, run } from "./peers.js";

const OURS = fileURLToPath(new URL("../../dist/cli/grpc-health-probe.cjs", import.meta.url));
const file = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));

/** Names of servers stand for their addresses in the arguments: `@plain`. */
interface Case {
  readonly args: readonly string[];
  readonly code: number;
  /** Ours is their line with this cause. */
  readonly cause?: RegExp;
  /** Ours, where the texts differ. */
  readonly other?: RegExp;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: NodeJS.Signals;
}

const FAST = ["-connect-timeout", "400ms", "-rpc-timeout", "400ms"];
const SLOW = ["-connect-timeout", "10s", "-rpc-timeout", "10s"];
const at = (server: string, ...more: string[]) => [...SLOW, "-addr", `@${server}`, ...more];
const fast = (server: string, ...more: string[]) => [...FAST, "-addr", `@${server}`, ...more];
const ca = ["-tls", "-tls-ca-cert", file("ca.crt")];
const pair = (name: string) => ["-tls-client-cert", file(`${name}.crt`), "-tls-client-key", file(`${name}.key`)];

/** Arguments that both refuse, or that both take. */
const ARGUMENTS: readonly (readonly [number, ...string[]])[] = [
  [1],
  [1, "-addr", ""],
  [1, "-addr"],
  [1, "--addr"],
  [1, "-x"],
  [1, "-x=1"],
  [1, "--unknown", "value"],
  [1, "-h"],
  [1, "-help"],
  [1, "--help"],
  [1, "---addr", "x"],
  [1, "-=5"],
  [1, "--=5"],
  [1, "-connect-timeout", "1", "-addr", "x"],
  [1, "-connect-timeout", "x", "-addr", "x"],
  [1, "-connect-timeout", "", "-addr", "x"],
  [1, "-connect-timeout", "1d", "-addr", "x"],
  [1, "-connect-timeout", ".s", "-addr", "x"],
  [1, "-connect-timeout", "9999999h", "-addr", "x"],
  [1, "-connect-timeout=0", "-addr", "x"],
  [1, "-connect-timeout=0s", "-addr", "x"],
  [1, "-connect-timeout=-1s", "-addr", "x"],
  [1, "-connect-timeout=-1.5h2m", "-addr", "x"],
  [1, "-connect-timeout=-1500us", "-addr", "x"],
  [1, "-connect-timeout=-3ns", "-addr", "x"],
  [1, "-rpc-timeout=0", "-addr", "x"],
  [1, "-rpc-timeout=-100ms", "-addr", "x"],
  [1, "-rpc-timeout", "five", "-addr", "x"],
  [1, "-rpc-timeout"],
  [1, "-service"],
  [1, "-tls=maybe", "-addr", "x"],
  [1, "-tls=", "-addr", "x"],
  [1, "-v=yes", "-addr", "x"],
  [1, '-tls=a"b\n', "-addr", "x"],
  [1, "-addr", "x", "-alts", "-spiffe"],
  [1, "-addr", "x", "-tls", "-alts"],
  [1, "-addr", "x", "-tls-no-verify"],
  [1, "-addr", "x", "-tls-ca-cert", "f"],
  [1, "-addr", "x", "-tls-client-cert", "f"],
  [1, "-addr", "x", "-tls-server-name", "f"],
  [1, "-addr", "x", "-tls-client-key", "f"],
  [1, "-addr", "x", "-tls", "-tls-client-cert", "f"],
  [1, "-addr", "x", "-tls", "-tls-client-key", "f"],
  [1, "-addr", "x", "-tls", "-tls-no-verify", "-tls-ca-cert", "f"],
  [1, "-addr", "x", "-tls", "-tls-no-verify", "-tls-server-name", "f"],
  [1, "-addr", "x", "-tls", "-spiffe"],
  [1, "-addr", "x", "-tls=false", "-tls-no-verify"],
  [1, "-addr", "x", "-tls", "-tls=false", "-tls-no-verify"],
  [1, "-connect-timeout=0", "-rpc-timeout=0", "-addr", "x"],
  [1, "-connect-timeout=0"],
  [1, "x", "-addr", "y"],
  [1, "--", "-addr", "y"],
  [1, "-", "-addr", "y"],
  [1, "-addr", "x", "-tls", "-tls-ca-cert", "/none/ca.crt"],
  [1, "-addr", "x", "-tls", "-tls-ca-cert", file("server.key")],
  [1, "-addr", "x", "-tls", "-tls-ca-cert", "/dev/null"],
  [1, "-addr", "x", "-tls", "-tls-ca-cert", "/tmp"],
  [1, "-addr", "x", "-tls", "-tls-client-cert", "/none/c", "-tls-client-key", "/none/k"],
  [1, "-addr", "x", "-tls", "-tls-client-cert", file("client.crt"), "-tls-client-key", "/none/k"],
  [1, "-addr", "x", "-tls", "-tls-client-cert", file("client.crt"), "-tls-client-key", file("server.key")],
  [1, "-addr", "x", "-tls", "-tls-client-cert", "/dev/null", "-tls-client-key", file("server.key")],
  [1, "-addr", "x", "-tls", "-tls-client-cert", file("client.key"), "-tls-client-key", file("client.key")],
  [1, "-addr", "x", "-tls", "-tls-client-cert", file("client.crt"), "-tls-client-key", file("client.crt")],
  [1, "-addr", "x", "-tls", "-tls-client-cert", file("client.crt"), "-tls-client-key", "/dev/null"],
  [1, "-addr", "x", "-v", "-tls", "-tls-ca-cert", "/none/ca.crt", "-tls-server-name", "n"],
  [2, "-addr", "%zz"],
  [2, "-addr", "a%2"],
  [2, "-addr", 'a\nb"'],
  [2, "-addr", "dns:///"],
  [2, "-addr", "dns:///a:"],
  [2, "-addr", "unix://foo/bar"],
  [2, "-addr", "unix-abstract://foo/bar"],
];

const CASES: readonly Case[] = [
  ...ARGUMENTS.map(([code, ...args]): Case => ({ args, code })),
  { args: ["-version"], code: 0, other: /^v\d+\.\d+\.\d+; healthbridge probe\n$/ },
  { args: ["-version", "-addr", "x", "-tls-no-verify"], code: 0, other: /^v\d/ },
  { args: ["-addr", "x", "-rpc-header", "secret"], code: 1, other: /got "\*\*\*"\nUsage:\n/ },
  {
    args: [...FAST, "-addr", "@plain", "-alts"],
    code: 1,
    other: /^error: -alts is not supported; use -tls or -spiffe\n$/,
  },
  // answers
  ...["", "up", "readiness", "liveness", "startup"].map((service) => ({
    args: at("plain", "-service", service),
    code: 0,
  })),
  { args: at("plain", "-service=up"), code: 0 },
  { args: at("plain", "--service=up"), code: 0 },
  { args: at("plain", "--service", "up", "ignored", "-x"), code: 0 },
  { args: at("plain", "-service", "down"), code: 4 },
  { args: at("plain", "-service", "unsure"), code: 4 },
  { args: at("plain", "-service", "nobody.Knows"), code: 3 },
  { args: at("plain", "-service", "n".repeat(201)), code: 3 },
  { args: at("plain", "-user-agent", "x/1"), code: 0 },
  { args: at("plain", "-rpc-header", "a: b", "-rpc-header", "A:c"), code: 0 },
  { args: at("plain", "-rpc-header", "a b: c"), code: 3 },
  { args: at("plain", "-rpc-header", ": c"), code: 3 },
  { args: at("plain", "-rpc-header", "a: \u00e4"), code: 3 },
  { args: at("plain", "-rpc-header", "a-bin: \u00e4"), code: 0 },
  { args: at("plain", "-rpc-header", "te: x", "-rpc-header", "grpc-timeout: 0n"), code: 0 },
  { args: at("plain", "-v"), code: 0 },
  { args: at("plain", "-v", "-service", "down"), code: 4 },
  { args: at("plain", "-v", "-service", "nobody"), code: 3 },
  {
    args: at("plain", "-v", "-rpc-header", "authorization: s3cr3t"),
    code: 0,
    other: /headers: map\[authorization:\[\*\*\*\]\]/,
  },
  { args: at("plain", "-gzip"), code: 0 },
  { args: at("plain", "-gzip", "-service", "down"), code: 4 },
  { args: [...SLOW, "-addr", "dns:///localhost:@@plain"], code: 0 },
  { args: [...SLOW, "-addr", "passthrough:///127.0.0.1:@@plain"], code: 0 },
  { args: [...SLOW, "-addr", "localhost:@@plain"], code: 0 },
  { args: [...SLOW, "-addr", ":@@plain"], code: 0 },
  { args: [...SLOW, "-addr", "0.0.0.0:@@plain"], code: 0 },
  { args: at("unix"), code: 0 },
  { args: [...SLOW, "-addr", "unix:@@unix"], code: 0 },
  { args: at("unix", "-service", "down"), code: 4 },
  { args: at("noHealth"), code: 3 },
  { args: at("denied"), code: 3 },
  { args: at("number4"), code: 4 },
  { args: at("serverDeadline"), code: 3 },
  { args: at("html"), code: 3, other: /code = Unavailable desc = HTTP status 503\n$/ },
  { args: fast("noAnswer"), code: 3 },
  { args: fast("noAnswer", "-v"), code: 3 },
  { args: fast("halfAnswer"), code: 3 },
  // TLS
  { args: at("tls", ...ca), code: 0 },
  { args: at("tls", ...ca, "-v"), code: 0 },
  { args: at("tls", ...ca, "-service", "down"), code: 4 },
  { args: at("tls", ...ca, "-tls-server-name", "localhost"), code: 0 },
  { args: at("tls", "-tls", "-tls-no-verify"), code: 0 },
  { args: fast("tls", ...ca, "-tls-server-name", "other.example"), code: 2, cause: /other name|another name/ },
  { args: fast("tls", "-tls"), code: 2, cause: /not trusted/ },
  { args: fast("tls", "-tls", "-tls-ca-cert", file("other-ca.crt")), code: 2, cause: /not trusted/ },
  { args: fast("tls"), code: 2, cause: /closed the connection|TLS/ },
  { args: fast("plain", "-tls", "-tls-no-verify"), code: 2, cause: /./ },
  { args: fast("plain", ...ca), code: 2, cause: /./ },
  { args: fast("expired", "-tls", "-tls-ca-cert", "@@ca"), code: 2, cause: /expired/ },
  { args: fast("wrongName", "-tls", "-tls-ca-cert", "@@ca"), code: 2, cause: /another name/ },
  { args: at("wrongName", "-tls", "-tls-ca-cert", "@@ca", "-tls-server-name", "other.example"), code: 0 },
  { args: fast("noAlpn", "-tls", "-tls-no-verify"), code: 2, cause: /does not offer HTTP\/2 over TLS \(ALPN h2\)/ },
  { args: fast("http1Alpn", "-tls", "-tls-no-verify"), code: 2, cause: /./ },
  { args: at("mtls", ...ca, ...pair("client")), code: 0 },
  { args: fast("mtls", ...ca), code: 2, cause: /./ },
  { args: fast("mtls", ...ca, ...pair("stranger")), code: 2, cause: /./ },
  { args: fast("mtls", "-tls", "-tls-no-verify"), code: 2, cause: /./ },
  // connections that fail
  { args: fast("nothing"), code: 2, cause: /refused the connection \(connect ECONNREFUSED/ },
  { args: fast("nothing", "-v"), code: 2, cause: /refused/ },
  { args: [...FAST, "-addr", "localhost:@@nothing"], code: 2, cause: /refused/ },
  { args: [...FAST, "-addr", "unix:///none/such.sock"], code: 2, cause: /refused the connection \(connect ENOENT/ },
  { args: [...FAST, "-addr", "unix-abstract:none-such"], code: 2, cause: /refused/ },
  { args: [...FAST, "-addr", "unix:"], code: 2, cause: /no path/ },
  { args: [...FAST, "-addr", "localhost"], code: 2, cause: /missing port in address/ },
  { args: [...FAST, "-addr", "::1:80"], code: 2, cause: /too many colons in address/ },
  { args: [...FAST, "-addr", "[::1]"], code: 2, cause: /missing port in address/ },
  { args: [...FAST, "-addr", "127.0.0.1:99999"], code: 2, cause: /invalid port/ },
  { args: [...FAST, "-addr", "127.0.0.1:none"], code: 2, cause: /unknown port/ },
  { args: [...FAST, "-addr", "foo:///bar"], code: 2, cause: /./ },
  { args: fast("silent"), code: 2 },
  { args: fast("silent", "-v"), code: 2 },
  { args: fast("silent", "-tls", "-tls-no-verify"), code: 2 },
  { args: fast("http1"), code: 2, cause: /answers in HTTP\/1/ },
  { args: fast("closing"), code: 2, cause: /closed the connection|reset/ },
  // SPIFFE
  { args: ["-addr", "x", "-spiffe", "-rpc-timeout", "400ms"], code: 20 },
  // signals
  { args: at("silent"), code: 2, signal: "SIGTERM" },
  { args: at("silent"), code: 2, signal: "SIGINT" },
  { args: at("noAnswer"), code: 3, signal: "SIGTERM" },
  { args: at("noAnswer", "-v"), code: 3, signal: "SIGINT" },
];

/** Without measured times, and without what is ours in the usage text. */
function comparable(text: string): string {
  const [before = "", usage] = text.split(/^Usage:\n/m);
  const times = before.replace(/(took |connect=|rpc=)[\d.]+(?:ns|\u00b5s|ms|s)/g, "$1TIME");
  return usage === undefined ? times : `${times}Usage:\n`;
}

/** Names of flags in a usage text, with the kinds of their values. */
const flagsIn = (usage: string) => [...usage.matchAll(/^ {2}(-\S+(?: \S+)?)/gm)].map(([, flag]) => flag);

describe("grpc_health_probe and ours", { concurrency: 2 }, () => {
  const health = new Health();
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-"));
  const addresses = new Map<string, string>();
  const targets: Target[] = [];
  let theirs = "";

  const add = (name: string, target: Target) => {
    targets.push(target);
    addresses.set(name, `127.0.0.1:${target.port}`);
  };
  const addRaw = async (name: string, script: Parameters<typeof rawServer>[0]) =>
    add(name, (await rawServer(script)).target);

  before(async () => {
    theirs = grpcHealthProbe();
    health.set("up", "SERVING");
    health.set("down", "NOT_SERVING");
    health.set("unsure", "UNKNOWN");
    const identity = { cert: fixture("server.crt"), key: fixture("server.key") };
    const socket = join(folder, "health.sock");
    addresses.set("unix", `unix://${socket}`);
    addresses.set("plain", `127.0.0.1:${portOf(await health.listen(["127.0.0.1:0", `unix:${socket}`]))}`);
    addresses.set("tls", `localhost:${portOf(await health.listen(["127.0.0.1:0"], { tls: identity }))}`);
    const mtls = { ...identity, clientCa: fixture("ca.crt") };
    addresses.set("mtls", `localhost:${portOf(await health.listen(["127.0.0.1:0"], { tls: mtls }))}`);
    const issuer = createSubject("a CA");
    addresses.set("ca", join(folder, "ca.crt"));
    writeFileSync(join(folder, "ca.crt"), certify(issuer));
    const secure = async (name: string, options: object, alpn = ["h2"]) => {
      const subject = createSubject("a server");
      const cert = certify(subject, { issuer, hosts: ["127.0.0.1"], ...options });
      const tls = { cert, key: subject.key, ALPNProtocols: alpn };
      const server = createTls(tls, (connection) => connection.on("error", () => {}).resume());
      server.on("tlsClientError", () => {});
      add(name, await Target.start(server));
    };
    await secure("expired", { startsInDays: -20, endsInDays: -10 });
    await secure("http1Alpn", {}, ["http/1.1"]);
    const other = createSubject("another server");
    const cert = certify(other, { issuer, hosts: ["other.example"] });
    addresses.set(
      "wrongName",
      `127.0.0.1:${portOf(await health.listen(["127.0.0.1:0"], { tls: { cert, key: other.key } }))}`,
    );
    await addRaw("noAlpn", { alpn: [] });
    const only = (...fields: [string, string][]) =>
      answering((stream) =>
        head(
          stream,
          headerBlock([[":status", "200"], ["content-type", "application/grpc"], ...fields]),
          FLAG.END_HEADERS | FLAG.END_STREAM,
        ),
      );
    await addRaw("noHealth", only(["grpc-status", "12"], ["grpc-message", "unknown service grpc.health.v1.Health"]));
    await addRaw("denied", only(["grpc-status", "16"], ["grpc-message", "no%20token %25"]));
    await addRaw("serverDeadline", only(["grpc-status", "4"], ["grpc-message", "slow"]));
    await addRaw("number4", GRPC_SERVERS["the number 999"]?.script ?? {});
    await addRaw(
      "html",
      answering((stream) =>
        head(
          stream,
          headerBlock([
            [":status", "503"],
            ["content-type", "text/html"],
          ]),
          FLAG.END_HEADERS | FLAG.END_STREAM,
        ),
      ),
    );
    await addRaw("noAnswer", { onRequest: () => {} });
    await addRaw("halfAnswer", answering(head));
    add("silent", await silentTarget());
    add("http1", await httpTarget((_, response) => void response.end()));
    add("closing", await Target.start(createNet((connection) => void connection.end())));
    const gone = await silentTarget();
    addresses.set("nothing", `127.0.0.1:${gone.port}`);
    await gone.stop();
  });

  after(async () => {
    await health.shutdown({ drainDelayMs: 0 });
    for (const target of targets) await target.stop();
    rmSync(folder, { recursive: true });
  });

  const filled = (argument: string) =>
    argument
      .replace(/@@(\w+)/, (_, name: string) => (addresses.get(name) ?? name).replace(/^unix:\/\/|^[^/]*:/, ""))
      .replace(/^@(\w+)$/, (_, name: string) => addresses.get(name) ?? name);

  const runBoth = async ({ args, env = {}, signal }: Case): Promise<readonly [Ended, Ended]> => {
    const all = args.map(filled);
    const program = signal === undefined ? [] : ["--preserve-status", "-s", signal.slice(3), "1"];
    const variables = { SPIFFE_ENDPOINT_SOCKET: "", HTTPS_PROXY: "", https_proxy: "", NODE_EXTRA_CA_CERTS: "", ...env };
    const wrap = (...command: string[]) =>
      program.length === 0
        ? run(command[0] ?? "", [...command.slice(1), ...all], variables)
        : run("timeout", [...program, ...command, ...all], variables);
    return [await wrap(theirs), await wrap(process.execPath, OURS)];
  };

  test("are compared in at least 120 cases", () => assert.ok(CASES.length >= 120, `${CASES.length}`));

  for (const each of CASES) {
    const title = [...each.args.map((argument) => JSON.stringify(argument)), each.signal ?? ""].join(" ");
    test(`${title}: exit code ${each.code}`, async () => {
      const [reference, ours] = await runBoth(each);
      const texts = `theirs: ${reference.stdout}${reference.stderr}\nours: ${ours.stdout}${ours.stderr}`;
      // -alts of grpc_health_probe fails to connect
      if (!each.args.includes("-alts") || each.other === undefined) assert.equal(reference.code, each.code, texts);
      assert.equal(ours.code, each.code, texts);
      if (each.other !== undefined) {
        assert.match(ours.stdout + ours.stderr, each.other);
        return;
      }
      assert.equal(ours.stdout, reference.stdout);
      const [expected, got] = [comparable(reference.stderr), comparable(ours.stderr)];
      if (each.cause === undefined) assert.equal(got, expected);
      else {
        assert.ok(got.startsWith(`${expected.trimEnd()}: `), texts);
        assert.match(got, each.cause);
      }
      const ourFlags = new Set(flagsIn(ours.stderr));
      for (const flag of flagsIn(reference.stderr)) assert.ok(ourFlags.has(flag), flag);
    });
  }
});

/** grpc_health_probe answers one way or another. */
const DEPENDS_ON_TIME = new Set(["GOAWAY(2^31-1) before the request, then SERVING", "an answer without SETTINGS"]);

/** Answers that break a rule which grpc-go does not check, or that it reads otherwise. */
const STRICTER: Readonly<Record<string, readonly [theirs: number, ours: number]>> = {
  "a status that is a text": [4, 3],
  "SERVING, and a status twice": [0, 3],
  "HTTP status 503 with grpc-status 0, and SERVING": [0, 3],
  "two content-types": [0, 3],
  "SERVING with the content-type Application/GRPC": [3, 0],
  "unknown settings, and settings at their limits": [3, 0],
  "no :status": [0, 3],
  "a field of one connection": [0, 3],
  ":status in the trailers": [0, 3],
  "100 fields": [0, 3],
  "fields of 17 KB": [0, 3],
};

/** Times for a connection and a call; the long ones for a row that differed, where the machine may have been busy. */
const TIMES = [
  ["400ms", "600ms"],
  ["4s", "6s"],
] as const;

test("the exit code is the same for every row of the table of servers, but for the rows that are named", async () => {
  const theirs = grpcHealthProbe();
  /** What differs in a row; `undefined` when nothing does. */
  async function differenceIn(label: string, [connectTimeout, rpcTimeout]: (typeof TIMES)[number]) {
    const row = GRPC_SERVERS[label];
    if (row === undefined) return `${label}: no such row`;
    const server = await rawServer(row.script);
    const tls = row.isSecure === true ? ["-tls", "-tls-no-verify"] : [];
    const times = ["-connect-timeout", connectTimeout, "-rpc-timeout", rpcTimeout];
    const args = ["-addr", `127.0.0.1:${server.target.port}`, ...times, ...tls];
    const [reference, ours] = await Promise.all([run(theirs, args), probeOnce(...args)]);
    await server.target.stop();
    const expected = STRICTER[label] ?? [ours.code, ours.code];
    if (reference.code === expected[0] && ours.code === expected[1]) return undefined;
    return `${label}: theirs ${reference.code} ${reference.stderr}, ours ${ours.code} ${ours.stderr}`;
  }
  const differences: string[] = [];
  for (const label of Object.keys(GRPC_SERVERS)) {
    if (DEPENDS_ON_TIME.has(label)) continue;
    if ((await differenceIn(label, TIMES[0])) === undefined) continue;
    const difference = await differenceIn(label, TIMES[1]);
    if (difference !== undefined) differences.push(difference);
  }
  assert.deepEqual(differences, []);
});
