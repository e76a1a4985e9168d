/**
 * What servers answer in place of a session, and the reason of it. The texts are those of Redis 7, PostgreSQL 15, MySQL 8 and
 * RabbitMQ 3; the interop suite has the faults that the servers themselves can be brought to.
 */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { longText, methodFrame, shortText, table } from "../../src/probers/amqp-frames.js";
import { openTarget } from "../../src/probers/schemes.js";
import { probe } from "./probing.js";
import { rawTarget } from "./targets.js";

type Answer = (socket: Socket) => void;

const redis = (line: string): Answer => {
  return (socket) => socket.on("data", () => socket.end(`-${line}\r\n`));
};

/** ErrorResponse: severity, SQLSTATE and text. */
const postgres = (code: string, text: string): Answer => {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${text}\0\0`);
  const head = Buffer.from([0x45, 0, 0, 0, 0]);
  head.writeUInt32BE(fields.length + 4, 1);
  return (socket) => socket.on("data", () => socket.end(Buffer.concat([head, fields])));
};

/** An error packet in place of the greeting. It has no SQLSTATE. */
const mysql = (code: number, text: string): Answer => {
  const payload = Buffer.concat([Buffer.from([0xff, code & 255, code >> 8]), Buffer.from(text)]);
  return (socket) => void socket.end(Buffer.concat([Buffer.from([payload.length, 0, 0, 0]), payload]));
};

const START = Buffer.concat([Buffer.from([0, 9]), table({}), longText("PLAIN"), longText("en_US")]);

/** Connection.Close after the login. */
const amqp = (code: number, text: string): Answer => {
  const close = methodFrame(0, [10, 50], Buffer.from([code >> 8, code & 255]), shortText(text), Buffer.alloc(4));
  const answers = [methodFrame(0, [10, 10], START), methodFrame(0, [10, 30], Buffer.alloc(8)), close];
  return (socket) => socket.on("data", () => socket.write(answers.shift() ?? ""));
};

const amqpEnd: Answer = (socket) => {
  const answers = [methodFrame(0, [10, 10], START), methodFrame(0, [10, 30], Buffer.alloc(8))];
  socket.on("data", () => {
    const next = answers.shift();
    if (next === undefined) socket.end();
    else socket.write(next);
  });
};

const ROWS: readonly (readonly [label: string, url: string, answer: Answer, verdict: string, detail: RegExp])[] = [
  ["no password", "redis://H", redis("NOAUTH Authentication required."), "auth", /NOAUTH/],
  ["wrong password", "redis://:pw@H", redis("WRONGPASS invalid username-password pair"), "auth", /WRONGPASS/],
  [
    "a password that is not asked for",
    "redis://:pw@H",
    redis("ERR AUTH <password> called without any"),
    "auth",
    /AUTH/,
  ],
  ["protected mode", "redis://H", redis("DENIED Redis is running in protected mode"), "auth", /DENIED/],
  ["a user without PING", "redis://H", redis("NOPERM this user has no permissions to run 'ping'"), "auth", /NOPERM/],
  ["loading", "redis://H", redis("LOADING Redis is loading the dataset in memory"), "unavailable", /LOADING/],
  ["a replica without its master", "redis://H", redis("MASTERDOWN Link with MASTER is down"), "unavailable", /MASTER/],
  ["a script that runs", "redis://H", redis("BUSY Redis is busy running a script"), "unavailable", /BUSY/],
  ["snapshots that fail", "redis://H", redis("MISCONF Redis is configured to save RDB"), "unavailable", /MISCONF/],
  ["a cluster that is down", "redis://H", redis("CLUSTERDOWN Hash slot not served"), "unavailable", /CLUSTER/],
  ["too many clients", "redis://H", redis("ERR max number of clients reached"), "unavailable", /max number/],
  ["another node of a cluster", "redis://H", redis("MOVED 3999 127.0.0.1:6381"), "answer", /MOVED/],
  ["an unknown database", "redis://H/99", redis("ERR DB index is out of range"), "answer", /out of range/],

  ["wrong password", "postgres://me:pw@H", postgres("28P01", "password authentication failed"), "auth", /28P01/],
  ["no rule for the host", "postgres://me:pw@H", postgres("28000", "no pg_hba.conf entry"), "auth", /28000/],
  ["no right to connect", "postgres://me:pw@H", postgres("42501", "permission denied for database"), "auth", /42501/],
  ["unknown database", "postgres://me:pw@H/x", postgres("3D000", 'database "x" does not exist'), "answer", /3D000/],
  ["too many clients", "postgres://me:pw@H", postgres("53300", "sorry, too many clients"), "unavailable", /53300/],
  ["starting up", "postgres://me:pw@H", postgres("57P03", "the system is starting up"), "unavailable", /57P03/],
  ["recovery", "postgres://me:pw@H", postgres("57P03", "the system is in recovery mode"), "unavailable", /recovery/],
  ["shutting down", "postgres://me:pw@H", postgres("57P03", "the system is shutting down"), "unavailable", /57P03/],
  ["an administrator", "postgres://me:pw@H", postgres("57P01", "terminating connection"), "unavailable", /57P01/],

  ["too many connections", "mysql://me:pw@H", mysql(1040, "Too many connections"), "unavailable", /Too many/],
  [
    "a blocked host",
    "mysql://me:pw@H",
    mysql(1129, "Host is blocked because of many errors"),
    "unavailable",
    /blocked/,
  ],
  ["a host without rights", "mysql://me:pw@H", mysql(1130, "Host is not allowed to connect"), "auth", /not allowed/],
  ["shutting down", "mysql://me:pw@H", mysql(1053, "Server shutdown in progress"), "unavailable", /shutdown/],
  ["TLS that is demanded", "mysql://me:pw@H", mysql(3159, "Connections using insecure transport"), "tls", /insecure/],
  ["an unknown database", "mysql://me:pw@H/x", mysql(1049, "Unknown database 'x'"), "answer", /ER_BAD_DB_ERROR/],

  ["wrong password", "amqp://me:pw@H", amqp(403, "ACCESS_REFUSED - Login was refused"), "auth", /403/],
  ["unknown virtual host", "amqp://me:pw@H/x", amqp(530, "NOT_ALLOWED - vhost x not found"), "answer", /530/],
  ["an unknown virtual host, without a word", "amqp://me:pw@H/x", amqpEnd, "answer", /virtual host/],
  [
    "no right for a virtual host",
    "amqp://me:pw@H/x",
    amqp(530, "NOT_ALLOWED - access to vhost 'x' refused for user 'me'"),
    "auth",
    /refused/,
  ],
  [
    "too many connections",
    "amqp://me:pw@H",
    amqp(530, "NOT_ALLOWED - access to vhost '/' refused for user 'me': connection limit (9) is reached"),
    "unavailable",
    /limit/,
  ],
  [
    "shutting down",
    "amqp://me:pw@H",
    amqp(320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"),
    "unavailable",
    /320/,
  ],
  [
    "a virtual host that is down",
    "amqp://me:pw@H",
    amqp(541, "INTERNAL_ERROR - access to vhost '/' refused: vhost '/' is down"),
    "unavailable",
    /down/,
  ],
];

for (const [label, url, answer, expected, text] of ROWS)
  test(`${url.split(":")[0]}: ${label} is ${expected}, and the detail has the server's text`, async () => {
    const target = await rawTarget((socket) => {
      socket.on("end", () => socket.destroy());
      answer(socket);
    });
    const prober = openTarget(url.replace("H", `127.0.0.1:${target.port}`), undefined, { reuse: false });
    const { outcome, reason, detail = "" } = await probe(prober);
    assert.equal(`${outcome} ${reason}`, `fail ${expected}`, detail);
    assert.match(detail, text);
    prober.close();
    await target.disconnected();
    await target.stop();
  });

for (const scheme of ["redis", "postgres", "mysql", "amqp"]) {
  const open = (port: number) => openTarget(`${scheme}://me:pw@127.0.0.1:${port}`, undefined, { reuse: false });
  test(`${scheme}: a reset is reset, an end is closed, silence is timeout, no listener is refused`, async () => {
    const faults: readonly (readonly [Answer, string])[] = [
      [(socket) => void socket.once("data", () => socket.resetAndDestroy()), "reset"],
      [(socket) => void socket.end(), "closed"],
      [(socket) => void socket.resume(), "timeout"],
    ];
    for (const [answer, expected] of faults) {
      const target = await rawTarget((socket) => {
        socket.on("end", () => socket.destroy());
        answer(socket);
        // a client of MySQL waits for the greeting
        if (scheme === "mysql" && expected === "reset") setTimeout(() => socket.resetAndDestroy(), 50);
      });
      const prober = open(target.port);
      const { reason, detail } = await probe(prober, expected === "timeout" ? 200 : 10_000);
      assert.equal(reason, expected, detail);
      prober.close();
      await target.stop();
      if (expected === "timeout") assert.equal((await probe(open(target.port))).reason, "refused");
    }
  });
}
