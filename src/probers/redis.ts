/**
 * `redis://[user:password@]host[:6379][/db]` and `rediss://`: passes when the server answers PING with PONG.
 *
 * RESP is spoken straight on the socket: a client library would keep whatever a target sends, and reconnect on its own.
 * Source: the Redis serialization protocol, inline errors and simple strings.
 */
import { BrokenCall } from "../client/broken-call.js";
import { type Dialogue, ReusedSocket } from "../client/reused-socket.js";
import { resultOfBreak } from "./broken.js";
import { withCertificate } from "./certificate.js";
import type { ProberDeps, ProberOptions } from "./options.js";
import { fail, PASS, type ProbeResult, type Prober } from "./prober.js";
import { hostOf, invalidTarget } from "./target.js";

/** Errors of Redis that say that we are not let in. */
const REFUSALS = /^(?:NOAUTH|WRONGPASS|NOPERM|ERR invalid password|ERR AUTH|ERR Client sent AUTH)/;

/** Errors that say: not now. */
const NOT_NOW = /^(?:LOADING|MASTERDOWN|BUSY|CLUSTERDOWN|TRYAGAIN)/;

/** A prober of a Redis server. It keeps one connection, unless `reuse` is false. */
export function openRedis(target: URL, { clock, resolver }: ProberDeps, options: ProberOptions): Prober {
  const secure = target.protocol === "rediss:";
  const greeting = greetingOf(target);
  const socket = new ReusedSocket({
    host: hostOf(target),
    port: Number(target.port) || 6379,
    tls: secure ? (options.tls ?? {}) : undefined,
    resolver,
    reuse: options.reuse ?? true,
  });
  return {
    async probe(context) {
      try {
        const result = judge(await socket.talk(pingAfter(greeting), context));
        if (result.outcome === "fail") socket.close(); // let in or not is asked anew
        return withCertificate(result, socket.certificateEndsAt, clock.wallTime(), options.tls?.warnBeforeMs);
      } catch (error) {
        return resultOfBreak(error);
      }
    },
    close: () => socket.close(),
  };
}

/** What is said on a fresh connection before PING: who we are, and which database is meant. */
function greetingOf({ username, password, pathname, href }: URL): readonly string[] {
  const database = pathname.slice(1);
  if (!/^\d{0,5}$/.test(database)) throw invalidTarget(href, "the path is the number of a database, such as /0");
  const who = username === "" ? [] : [decodeURIComponent(username)];
  const auth = password === "" ? [] : [command("AUTH", ...who, decodeURIComponent(password))];
  return [...auth, ...(database === "" ? [] : [command("SELECT", database)])];
}

/** One answer for each command: the first error, or the answer to PING, which is the last. */
function pingAfter(greeting: readonly string[]): Dialogue<string> {
  let expected = 1;
  return {
    open(isFresh) {
      expected = isFresh ? greeting.length + 1 : 1;
      return `${isFresh ? greeting.join("") : ""}${command("PING")}`;
    },
    read(said) {
      const text = said.toString("latin1");
      if (!/^[+-]/.test(text)) throw new BrokenCall("protocol", "the target does not speak RESP");
      const lines = text.split("\r\n").slice(0, -1);
      if (lines.some((line) => !/^[+-]/.test(line))) throw new BrokenCall("protocol", "the target does not speak RESP");
      const error = lines.find((line) => line.startsWith("-"));
      if (error !== undefined) return error;
      return lines.length >= expected ? lines[expected - 1] : undefined;
    },
  };
}

function judge(answer: string): ProbeResult {
  if (answer === "+PONG") return PASS;
  const text = answer.slice(1);
  if (REFUSALS.test(text)) return fail("auth", text);
  return fail(NOT_NOW.test(text) ? "unavailable" : "answer", text);
}

/** A command as an array of bulk strings: nothing in an argument can be taken for another command. */
function command(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;
}
