/**
 * `redis://[user:password@]host[:6379][/db]` and `rediss://`: passes when the server answers PING with PONG.
 *
 * RESP is spoken straight on the socket: a client library would store whatever a target sends, and reconnect by itself.
 * Source: the Redis serialization protocol, simple strings and simple errors.
 */
import { BrokenCall } from "../client/broken-call.js";
import { type AnswerReader, exchange } from "../client/exchange.js";
import type { Goodbye } from "../client/goodbyes.js";
import { ReusedConnection } from "../client/reused-connection.js";
import { TargetSocket } from "../client/target-socket.js";
import { tlsOptions } from "../client/tls-options.js";
import { type ProberDeps, type ProberOptions, reuseOptionsOf } from "./options.js";
import { fail, PASS, type ProbeResult, type Prober, withCertificate } from "./prober.js";
import { resultOfError } from "./reasons.js";
import { credentialsOf, hostOf, invalidTarget } from "./target.js";

/** Errors of Redis about credentials and permissions. */
const REFUSALS = /^(?:NOAUTH|WRONGPASS|NOPERM|DENIED|ERR invalid password|ERR AUTH|ERR Client sent AUTH)/;

/** Errors of Redis that pass with time. */
const UNAVAILABLE = /^(?:LOADING|MASTERDOWN|BUSY|MISCONF|CLUSTERDOWN|TRYAGAIN|ERR max number of clients)/;

const MAX_ANSWER_BYTES = 65_536;

const PING = command("PING");

/**
 * QUIT is deprecated since Redis 7.2, but it is the one end that Redis 7 does not log: over TLS, it logs even a proper end
 * without QUIT as an error of reading (level verbose).
 */
const GOODBYE: Goodbye = { request: Buffer.from(command("QUIT")) };

/** A prober of a Redis server. It keeps one connection, unless `reuse` is false. */
export function openRedis(target: URL, deps: ProberDeps, options: ProberOptions): Prober {
  const secure = target.protocol === "rediss:";
  const host = hostOf(target);
  const tls = secure ? tlsOptions(host, options.tls) : undefined;
  const address = {
    goodbyes: deps.goodbyes,
    host,
    port: Number(target.port) || 6379,
    resolver: deps.resolver,
    readBuffer: deps.readBuffer,
    tls,
  };
  const login = loginOf(target, options);
  const connection = new ReusedConnection(
    (timeoutMs) => new TargetSocket(address, timeoutMs),
    reuseOptionsOf(options, deps),
  );
  const ask = (socket: TargetSocket, isNew: boolean) => {
    const commands = [...(isNew ? login : []), PING];
    return exchange(socket, commands.join(""), new ReplyReader(socket, commands.length));
  };
  return {
    async probe({ timeoutMs }) {
      try {
        const result = evaluate(await connection.call(timeoutMs, ask));
        if (result.outcome === "fail") connection.close(); // the next probe logs in again
        return withCertificate(result, connection.certificateEndsAt, deps.clock.wallTime(), options.tls?.warnBefore);
      } catch (error) {
        return resultOfError(error);
      }
    },
    cancel: () => connection.cancel(),
    close: () => connection.close(),
  };
}

/** The commands before the first PING of a connection: the credentials and the database. */
function loginOf(target: URL, options: ProberOptions): readonly string[] {
  const database = target.pathname.slice(1);
  if (!/^\d{0,5}$/.test(database))
    throw invalidTarget(target.href, "the path must be the number of a database, such as /0");
  const { user, password } = credentialsOf(target, options);
  // a user without a password is one with `nopass`: Redis then accepts any password
  const login = [...(user === undefined ? [] : [user]), password ?? ""];
  const auth = user === undefined && password === undefined ? [] : [command("AUTH", ...login)];
  return [...auth, ...(database === "" ? [] : [command("SELECT", database)])];
}

/** Reads the replies to some commands: the first error, or the reply to the last command. */
class ReplyReader implements AnswerReader<string> {
  readonly #socket: TargetSocket;
  #missing: number;
  #received = 0;
  /** The line that is not complete. */
  #line = "";

  /** @param count of the commands */
  constructor(socket: TargetSocket, count: number) {
    this.#socket = socket;
    this.#missing = count;
  }

  push(bytes: Buffer): string | undefined {
    this.#received += bytes.length;
    if (this.#received > MAX_ANSWER_BYTES)
      throw new BrokenCall("protocol", `the target sent no answer within ${MAX_ANSWER_BYTES} bytes`);
    // only the new bytes are searched: a target may send them one by one
    const lines = bytes.toString("latin1").split("\n");
    for (const [index, part] of lines.entries()) {
      this.#line += part;
      if (!/^[+-]/.test(this.#line || "+")) throw new BrokenCall("protocol", "the target does not speak RESP");
      if (index === lines.length - 1) break;
      const reply = this.#takeLine();
      this.#socket.goodbye = GOODBYE;
      if (reply.startsWith("-") || this.#missing === 0) return reply;
    }
    return undefined;
  }

  #takeLine(): string {
    if (!this.#line.endsWith("\r")) throw new BrokenCall("protocol", "the target does not speak RESP");
    const line = this.#line.slice(0, -1);
    this.#line = "";
    this.#missing -= 1;
    return line;
  }

  end(): string {
    throw new BrokenCall("closed", "the connection ended within the answer");
  }
}

function evaluate(reply: string): ProbeResult {
  if (reply === "+PONG") return PASS;
  const text = reply.slice(1);
  if (REFUSALS.test(text)) return fail("auth", text);
  return fail(UNAVAILABLE.test(text) ? "unavailable" : "answer", text);
}

/** A command as an array of bulk strings: nothing in an argument can be taken for another command. */
function command(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;
}
