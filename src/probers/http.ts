/**
 * `http://` and `https://`: passes when the target answers as it is expected to, which is with 200 to 299 if nothing else
 * is said.
 *
 * A redirect is a failure and is not followed: whoever controls a target could point us at anything (Consul's
 * CVE-2022-29153). A body is read for 64 KiB; if there is more, it is judged by that, and the connection is closed.
 */
import type { HttpAnswer } from "../client/http-answer.js";
import { HttpClient } from "../client/http-client.js";
import { resultOfBreak } from "./broken.js";
import { withCertificate } from "./certificate.js";
import { compileExpectation } from "./expectation.js";
import { requestOf } from "./http-request.js";
import type { ProberDeps, ProberOptions } from "./options.js";
import type { ProbeResult, Prober } from "./prober.js";
import { hostOf } from "./target.js";

/** What is asked of a target, and what its answer must be. */
export interface Question {
  readonly path: string;
  readonly judge: (answer: HttpAnswer) => ProbeResult;
  /** The longest body that is read. Default 64 KiB. */
  readonly mostBodyBytes?: number;
}

/** A prober of a web address. It keeps one connection, unless `reuse` is false. */
export function openHttp(target: URL, deps: ProberDeps, options: ProberOptions): Prober {
  const question = { path: `${target.pathname}${target.search}`, judge: compileExpectation(options.expect) };
  return openQuestion(target, question, deps, options);
}

/** A prober that asks one question, over TLS where the scheme ends with `https`. */
export function openQuestion(
  target: URL,
  { path, judge, mostBodyBytes }: Question,
  { clock, resolver }: ProberDeps,
  options: ProberOptions,
): Prober {
  const secure = target.protocol.endsWith("https:");
  const client = new HttpClient({
    host: hostOf(target),
    port: Number(target.port) || (secure ? 443 : 80),
    tls: secure ? (options.tls ?? {}) : undefined,
    resolver,
    request: requestOf(target, path, options),
    reuse: options.reuse ?? true,
    mostBodyBytes,
  });
  return {
    async probe({ timeoutMs }) {
      try {
        const result = judge(await client.ask(timeoutMs));
        if (!secure) return result;
        return withCertificate(result, client.certificateEndsAt, clock.wallTime(), options.tls?.warnBeforeMs);
      } catch (error) {
        return resultOfBreak(error);
      }
    },
    cancel: () => client.cancel(),
    close: () => client.close(),
  };
}
