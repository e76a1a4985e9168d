/** `startTls`: each protocol's own way to TLS, the certificate after it, and what must not happen before it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { describe, test } from "node:test";
import type { DialogueStep, TargetTls } from "../../src/probers/options.js";
import type { ProbeResult } from "../../src/probers/prober.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { START_TLS_PROTOCOLS, type StartTlsProtocol } from "../../src/probers/starttls.js";
import { probe } from "./probing.js";
import { ldapResponse, mysqlError, mysqlGreeting, SCRIPTS, type Script, startTlsServer } from "./starttls-servers.js";
import { rawTarget } from "./targets.js";

const ca = readFileSync(new URL("../fixtures/tls/ca.crt", import.meta.url), "utf8");

/** What is asked of the server. */
interface Question {
  readonly tls?: TargetTls;
  readonly inside?: readonly DialogueStep[];
  readonly timeoutMs?: number;
}

/** Probes a server twice; no connection may be left. */
async function ask(
  protocol: StartTlsProtocol,
  server: (socket: Socket) => void,
  { tls = { ca }, inside = [], timeoutMs }: Question = {},
): Promise<ProbeResult> {
  const target = await rawTarget((socket) => {
    socket.on("end", () => socket.end());
    server(socket);
  });
  const dialogue = [{ startTls: protocol }, ...inside];
  const prober = openTarget(`tcp://127.0.0.1:${target.port}`, systemDeps(), { dialogue, tls });
  const results = [await probe(prober, timeoutMs), await probe(prober, timeoutMs)];
  await target.disconnected();
  prober.close();
  await target.stop();
  assert.deepEqual(results[0], results[1]);
  return results[0] ?? assert.fail();
}

const verdictOf = ({ outcome, reason }: ProbeResult) => (reason === undefined ? outcome : `${outcome} ${reason}`);

for (const protocol of START_TLS_PROTOCOLS)
  describe(`startTls: ${protocol}`, () => {
    const script = SCRIPTS[protocol];

    test("a good server passes, and its certificate is seen", async () => {
      const result = await ask(protocol, startTlsServer(script));
      assert.equal(verdictOf(result), "pass", result.detail);
      assert.ok((result.certificateEndsAt ?? 0) > Date.now());
    });

    test("the dialogue goes on inside TLS", async () => {
      const inside = [{ send: "hello\r\n", expect: { matches: "^echo hello\\r\\n$" } }];
      assert.equal(verdictOf(await ask(protocol, startTlsServer(script), { inside })), "pass");
      const wrong = await ask(protocol, startTlsServer(script), {
        inside: [{ send: "x", expect: "y" }],
        timeoutMs: 500,
      });
      assert.equal(`${verdictOf(wrong)}: ${wrong.detail}`, 'fail timeout: step 2: expected text "y", got "echo x"');
    });

    test("the tls options hold: an untrusted authority, another name, verify, an end that is near", async () => {
      const verdict = async (tls: TargetTls) => verdictOf(await ask(protocol, startTlsServer(script), { tls }));
      assert.equal(await verdict({}), "fail tls-untrusted");
      assert.equal(await verdict({ ca, serverName: "other.test" }), "fail tls-name");
      assert.equal(await verdict({ ca, serverName: "localhost" }), "pass");
      assert.equal(await verdict({ verify: false }), "pass");
      assert.equal(await verdict({ ca, warnBeforeMs: 200 * 365 * 86_400_000 }), "warn tls-ending");
    });

    test("text that is injected before the handshake is refused, and is no answer inside TLS", async () => {
      // mysql has no go-ahead: its greeting is the last thing in clear text
      const injecting =
        ({ greeting = "" }: Script) =>
        (socket: Socket) =>
          void socket.resume().write(Buffer.concat([Buffer.from(greeting), Buffer.from("echo hello\r\n")]));
      const server =
        protocol === "mysql"
          ? injecting(script)
          : startTlsServer(script, (socket, goAhead) => injecting({ greeting: goAhead, turns: [] })(socket));
      const inside = [{ expect: "echo hello" }];
      const { reason, detail } = await ask(protocol, server, { inside, timeoutMs: 2_000 });
      assert.equal(reason, "protocol", detail);
      assert.match(detail ?? "", /more in clear text before the TLS handshake/);
    });

    test("a server that agrees and then goes on in clear text, or ends, fails", async () => {
      const plain = startTlsServer(script, (socket, goAhead) => {
        socket.write(goAhead);
        // a client of mysql begins the handshake without a go-ahead
        if (protocol === "mysql") socket.resume().write("220 still in clear text\r\n");
        else socket.once("data", () => socket.write("220 still in clear text\r\n"));
      });
      assert.match(verdictOf(await ask(protocol, plain)), /^fail tls$/);
      const ended = startTlsServer(script, (socket, goAhead) => void socket.resume().end(goAhead));
      const cut = await ask(protocol, ended);
      assert.equal(verdictOf(cut), "fail closed");
      assert.equal(
        cut.detail,
        `startTls ${protocol}: the target ended the connection before its TLS handshake was complete`,
      );
    });

    test("a server that agrees and is silent then fails with what is missing", async () => {
      const silent = startTlsServer(script, (socket, goAhead) => void socket.resume().write(goAhead));
      const { reason, detail } = await ask(protocol, silent, { timeoutMs: 300 });
      assert.equal(`${reason} | ${detail}`, `timeout | startTls ${protocol}: no TLS handshake within the timeout`);
    });

    test("a server that speaks another protocol, is silent or ends fails", async () => {
      const nonsense = await ask(protocol, (socket) => void socket.resume().write("\u0001nonsense\r\n"));
      assert.equal(verdictOf(nonsense), "fail protocol", nonsense.detail);
      const silent = await ask(protocol, (socket) => void socket.resume(), { timeoutMs: 300 });
      assert.equal(verdictOf(silent), "fail timeout");
      assert.match(silent.detail ?? "", new RegExp(`^startTls ${protocol}: expected `));
      assert.match(verdictOf(await ask(protocol, (socket) => void socket.resume().end())), /^fail (?:closed|reset)$/);
    });
  });

describe("a server that does not start TLS fails with its own words", () => {
  const replaced = (protocol: StartTlsProtocol, answer: string | Buffer): Script => {
    const { turns, ...script } = SCRIPTS[protocol];
    const [request] = turns.at(-1) ?? assert.fail();
    return { ...script, turns: [...turns.slice(0, -1), [request, answer]] };
  };
  const ROWS: readonly (readonly [StartTlsProtocol, Script, string])[] = [
    ["smtp", replaced("smtp", "502 5.5.1 not implemented\r\n"), 'answer | startTls smtp: "502 5.5.1 not implemented"'],
    ["smtp", replaced("smtp", "454 TLS not available\r\n"), 'unavailable | startTls smtp: "454 TLS not available"'],
    ["smtp", { greeting: "421 too busy\r\n", turns: [] }, 'unavailable | startTls smtp: "421 too busy"'],
    ["smtp", { greeting: "554 no\r\n", turns: [] }, 'answer | startTls smtp: "554 no"'],
    ["imap", replaced("imap", "hb BAD unknown command\r\n"), 'answer | startTls imap: "hb BAD unknown command"'],
    ["imap", { greeting: "* BYE overloaded\r\n", turns: [] }, 'unavailable | startTls imap: "* BYE overloaded"'],
    ["imap", replaced("imap", "* x\r\n* BYE restart\r\n"), 'unavailable | startTls imap: "* BYE restart"'],
    ["imap", { greeting: "* PREAUTH hello\r\n", turns: [] }, 'answer | startTls imap: "* PREAUTH hello"'],
    ["pop3", replaced("pop3", "-ERR no TLS\r\n"), 'answer | startTls pop3: "-ERR no TLS"'],
    ["ftp", replaced("ftp", "500 what?\r\n"), 'answer | startTls ftp: "500 what?"'],
    ["postgres", replaced("postgres", "N"), "answer | startTls postgres: the server offers no TLS"],
    [
      "postgres",
      replaced("postgres", "E\0\0\0\x2fSFATAL\0VFATAL\0C53300\0Mtoo many clients\0Fx.c\0\0"),
      'unavailable | startTls postgres: "too many clients"',
    ],
    ["postgres", replaced("postgres", "Efork failed\n\0"), 'unavailable | startTls postgres: "fork failed"'],
    ["mysql", { greeting: mysqlGreeting(0xf7ff), turns: [] }, "answer | startTls mysql: the server offers no TLS"],
    [
      "mysql",
      { greeting: mysqlError(1040, "Too many connections"), turns: [] },
      'unavailable | startTls mysql: 1040 "#08004Too many connections"',
    ],
    ["ldap", replaced("ldap", ldapResponse(2, "no TLS")), 'answer | startTls ldap: result code 2 "no TLS"'],
    ["ldap", replaced("ldap", ldapResponse(52, "later")), 'unavailable | startTls ldap: result code 52 "later"'],
  ];
  for (const [protocol, script, expected] of ROWS)
    test(`${protocol}: ${expected}`, async () => {
      const server = startTlsServer(script, (socket, answer) => void socket.write(answer));
      const { outcome, reason, detail } = await ask(protocol, server);
      assert.equal(`${outcome} | ${reason} | ${detail}`, `fail | ${expected}`);
    });
});

test("a server that wants a client certificate refuses after the handshake, and accepts the right one", async () => {
  const mutual = { requestCert: true, rejectUnauthorized: true, ca };
  const read = (file: string) => readFileSync(new URL(`../fixtures/tls/${file}`, import.meta.url), "utf8");
  const known = { cert: read("client.crt"), key: read("client.key") };
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    const server = startTlsServer(SCRIPTS.smtp, undefined, { ...mutual, minVersion: version, maxVersion: version });
    assert.equal(verdictOf(await ask("smtp", server, { tls: { ca, ...known } })), "pass", version);
    const refused = await ask("smtp", server);
    assert.match(verdictOf(refused), /^fail (?:tls|auth|closed|reset)$/, version);
  }
});
