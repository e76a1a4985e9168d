/** What `serve` cannot start with: exit code 2, one line that names it, and nothing served. Needs the build. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "./program.js";

const pem = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));
const LISTEN = ["--listen", "127.0.0.1:0"];

const directory = mkdtempSync(join(tmpdir(), "healthbridge-serve-"));
const file = (name: string, text: string) => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};
const taken = createServer();
let port = 0;

/** Runs `serve`, which has to refuse; the line that it says. */
async function refusal(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run("serve", ...args);
  assert.equal(code, 2, stderr || stdout);
  const [line = "", ...rest] = stderr.split("\n");
  assert.deepEqual(rest, [""], "one line");
  assert.ok(!stdout.includes('"serving"'), "nothing was served");
  assert.ok(line.startsWith("healthbridge: "), line);
  return line.slice("healthbridge: ".length);
}

describe("serve refuses", { concurrency: 3 }, () => {
  before(async () => {
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    // a server that listens on a port has an address with one
    port = (taken.address() as AddressInfo).port;
  });
  after(() => {
    taken.close();
    rmSync(directory, { recursive: true });
  });

  test("a port that is in use, and names it [B98]", async () => {
    const line = await refusal(...LISTEN, "--listen", `127.0.0.1:${port}`);
    const cause = `cannot listen on 127.0.0.1:${port}: the address is already in use (EADDRINUSE)`;
    assert.equal(line, `${cause}; choose other addresses with --listen or the key \`listen\``);
  });

  test("a port that is in use, and logs no drain of services that were never served", async () => {
    const flags = ["--check", "a=tcp://127.0.0.1:9", "--log-level", "debug"];
    const { code, stdout } = await run("serve", ...LISTEN, "--listen", `127.0.0.1:${port}`, ...flags);
    assert.equal(code, 2);
    assert.ok(!stdout.includes("draining"), stdout);
  });

  test("a unix socket at the path of a file, and leaves the file unchanged", async () => {
    const path = file("precious.txt", "precious");
    assert.match(await refusal("--listen", `unix:${path}`), new RegExp(`^cannot listen on unix:${path}: `));
    assert.equal(readFileSync(path, "utf8"), "precious");
  });

  const rows: readonly (readonly [string, readonly string[], RegExp])[] = [
    ["an invalid address", ["--listen", "8080"], /^--listen: address to listen on "8080": expected /],
    [
      "a port beyond 65535 [B89]",
      ["--listen", ":65536"],
      /^--listen: address to listen on ":65536": a port is a number /,
    ],
    ["a missing value", ["--listen"], /^--listen needs a value: --listen ADDR$/],
    ["an interval without a unit [B82]", ["--interval", "10"], /^--interval: "10" is not a duration/],
    ["an unknown scheme [B87]", ["--check", "a=ftp://h"], /^.*\bftp\b/],
    ["a target that is not a URL", ["--check", "a=nothing"], /nothing/],
    ["two checks of one name [B85]", ["--check", "a=tcp://h:1", "--check", "a=tcp://h:2"], /"a"/],
    [
      "a timeout above the interval [B83]",
      ["--check", "a=tcp://h:1", "--interval", "1s", "--timeout", "2s"],
      /timeout/,
    ],
    ["an interval of 0 [B82]", ["--check", "a=tcp://h:1", "--interval", "0s"], /interval/],
    ["a jitter above 100 %", ["--check", "a=tcp://h:1", "--jitter", "101"], /jitter/],
    ["a check under a view's name", ["--check", "liveness=tcp://h:1"], /liveness/],
    ["an unknown log level", ["--log-level", "loud"], /^--log-level: must be one of .*; got "loud"$/],
    [
      "a single flag given twice [B107]",
      ["--drain-delay", "1s", "--drain-delay", "2s"],
      /^--drain-delay is given twice$/,
    ],
    ["a certificate without its key", ["--tls-cert", pem("server.crt")], /^--tls-cert needs --tls-key too$/],
    [
      "a missing certificate file",
      ["--tls-cert", "/nonexistent.pem", "--tls-key", pem("server.key")],
      /^--tls-cert: cannot read the file \/nonexistent\.pem: not found/,
    ],
    [
      "a key that does not match [B95]",
      ["--tls-cert", pem("server.crt"), "--tls-key", pem("client.key")],
      /^--tls-cert: the key .*client\.key does not belong to the certificate .*server\.crt$/,
    ],
    [
      "a file that is not a certificate [B95]",
      ["--tls-cert", pem("server.key"), "--tls-key", pem("server.key")],
      /^--tls-cert: the certificate .*server\.key has a private key, but no certificate$/,
    ],
    [
      "a missing token file",
      ["--token-file", "/nonexistent"],
      /^--token-file: cannot read the file \/nonexistent: not found/,
    ],
    ["an empty token file", ["--token-file", file("empty", "\n")], /^--token-file: .* one word /],
    [
      "a status code path that is already in use",
      ["--status-code-path", "/grpc.health.v1.Health/Check"],
      /^--status-code-path: .*Check/,
    ],
  ];
  for (const [label, args, line] of rows) {
    test(`${label}`, async () => {
      const listen = args.includes("--listen") ? [] : LISTEN;
      assert.match(await refusal(...listen, ...args), line);
    });
  }

  test("a password in a target, and does not show it [B88]", async () => {
    const { code, stdout, stderr } = await run("serve", ...LISTEN, "--check", "a=ftp://user:hunter2@h/");
    assert.equal(code, 2);
    assert.ok(!`${stdout}${stderr}`.includes("hunter2"), stderr);
  });
});
