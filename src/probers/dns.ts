/**
 * `dns:NAME` and `dns://SERVER[:53]/NAME`, each with `?type=MX`: passes when the name has a record of the type, and every
 * value that `expect.answers` lists is among its records.
 *
 * The name is absolute: the search domains of this machine are not appended. The form is that of RFC 4501. Without a
 * server, the system's name servers are asked; when none of them answers, that is a prober error and no failure of the
 * name. With a server, the server is checked too.
 */
import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import { DnsError, type NameServer } from "../client/dns-attempt.js";
import { type DnsRecord, type DnsResponse, encodeQuery, RECORD_TYPES, type RecordType } from "../client/dns-message.js";
import { queryServers, ServerHistory } from "../client/dns-query.js";
import { readResolverFile } from "../client/name-files.js";
import { systemServers } from "../client/name-lookup.js";
import type { Resolver } from "../client/resolver.js";
import { keepAlive } from "../core/background.js";
import { compileAnswers } from "./dns-answers.js";
import type { ProberDeps, ProberOptions } from "./options.js";
import { fail, type ProbeContext, type ProbeResult, type Prober, ProberError } from "./prober.js";
import { localFault, resultOfError } from "./reasons.js";
import { decodePart, hostOf, invalidTarget } from "./target.js";

const DNS_PORT = 53;

/** A prober of a name. */
export function openDns(target: URL, { resolver, clock }: ProberDeps, { expect }: ProberOptions): Prober {
  const question = { name: nameOf(target), type: typeOf(target) };
  if (encodeQuery(0, question) === undefined)
    throw invalidTarget(target.href, "a part of the name is empty, or the name is too long");
  const evaluateAnswers = compileAnswers(question.type, expect?.answers);
  const server = hostOf(target);
  const history = new ServerHistory(clock);
  let probes = 0;
  const askOne = (servers: readonly NameServer[], { timeoutMs, signal }: ProbeContext) =>
    queryServers(question, { servers, timeoutMs, attempts: 2, useTcp: false, clock }, history, signal);
  const ask = ({ signal, ...context }: ProbeContext): Promise<DnsResponse> => {
    if (server === "") {
      const options = { ...systemServers(readResolverFile(), undefined, probes++), clock };
      return queryServers(question, options, history, signal);
    }
    const port = Number(target.port) || DNS_PORT;
    const askAt = (addresses: readonly string[], end: AbortSignal) =>
      askOne(
        addresses.map((address) => ({ address, port })),
        { ...context, signal: end },
      );
    if (isIP(server) > 0) return askAt([server], signal);
    return new NamedServer(server, resolver, askAt).ask(signal);
  };
  const evaluate = async (context: ProbeContext): Promise<ProbeResult> => {
    try {
      const { records } = await ask(context);
      if (records.length > 0) return evaluateAnswers(records.map(({ text }: DnsRecord) => text));
      return fail("dns", `${question.name} has no record of type ${question.type}`);
    } catch (error) {
      return resultOfFailure(error, server !== "");
    }
  };
  return { probe: (context) => keepAlive(evaluate(context)), close() {} };
}

/** The name to ask for, in ASCII. */
function nameOf(target: URL): string {
  // what follows may be a part of a password, and is not shown
  if (target.href.includes("@")) throw invalidTarget(target.href, "a name has no @; expected dns:example.com");
  const name = decodePart(target, target.pathname.replace(/^\//, ""), "name");
  if (name === "")
    throw invalidTarget(target.href, "a name is missing; expected dns:example.com or dns://server/example.com");
  const isAscii = /^[\x21-\x7e]+$/.test(name);
  const ascii = isAscii ? name : domainToASCII(name);
  if (ascii === "") throw invalidTarget(target.href, "the name is not a valid domain name");
  return ascii.replace(/\.$/, "");
}

function typeOf({ href, searchParams }: URL): RecordType {
  const type = (searchParams.get("type") ?? "A").toUpperCase();
  const stray = [...searchParams.keys()].find((key) => key !== "type");
  if (stray !== undefined)
    throw invalidTarget(href, `unknown parameter ${JSON.stringify(stray)}; the only one is type`);
  if (isRecordType(type)) return type;
  throw invalidTarget(href, `unknown record type ${type}; known: ${Object.keys(RECORD_TYPES).sort().join(", ")}`);
}

function isRecordType(type: string): type is RecordType {
  return Object.hasOwn(RECORD_TYPES, type);
}

/** @param isServerNamed the server is part of the target: its fault is the target's */
function resultOfFailure(error: unknown, isServerNamed: boolean): ProbeResult {
  if (!(error instanceof DnsError)) {
    const result = resultOfError(error);
    if (isServerNamed) return result;
    throw new ProberError("dns", result.detail ?? "no name server answers", { cause: error });
  }
  if (!isServerNamed) throw new ProberError("dns", error.message, { cause: error });
  const isSilent = error.code === "ETIMEOUT" || error.code === "ECANCELLED";
  return fail(isSilent ? "timeout" : "answer", error.message);
}

/** Sends the question to the servers at these addresses. */
type AskAt = (addresses: readonly string[], signal: AbortSignal) => Promise<DnsResponse>;

/**
 * A name server that the target names.
 *
 *     addresses of its name --first ones--> query ---+
 *                          '--further ones--> query -+--> first answer; the last error when none of them answers
 */
class NamedServer {
  readonly #host: string;
  readonly #resolver: Resolver;
  readonly #askAt: AskAt;
  readonly #asked = new Set<string>();
  #running = 0;
  #isComplete = false;
  #lastError: Error | undefined;

  constructor(host: string, resolver: Resolver, askAt: AskAt) {
    this.#host = host;
    this.#resolver = resolver;
    this.#askAt = askAt;
  }

  ask(signal: AbortSignal): Promise<DnsResponse> {
    const end = new AbortController();
    let stop = () => {};
    const answer = new Promise<DnsResponse>((resolve, reject) => {
      const refuse = (message: string, cause?: Error) =>
        reject(localFault(cause) ?? new ProberError("dns", message, { cause }));
      const onFailure = (error: Error) => {
        this.#running -= 1;
        this.#lastError = error;
        if (this.#running === 0 && this.#isComplete) reject(error);
      };
      stop = this.#resolver.resolve(this.#host, {
        onAddresses: (addresses, isComplete) => {
          this.#isComplete = isComplete;
          const further = addresses.map(({ address }) => address).filter((address) => !this.#asked.has(address));
          for (const address of further) this.#asked.add(address);
          if (further.length > 0) {
            this.#running += 1;
            this.#askAt(further, end.signal).then(resolve, onFailure);
          } else if (isComplete && this.#running === 0 && this.#lastError !== undefined) reject(this.#lastError);
        },
        onError: (error) => refuse(error.message, error),
      });
      const onAbort = () => {
        end.abort(); // the queries that run tell why
        if (this.#running > 0) return;
        if (this.#lastError !== undefined) reject(this.#lastError);
        else refuse(`no name server has answered for ${this.#host} within the deadline`);
      };
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true, signal: end.signal });
    });
    return answer.finally(() => {
      stop();
      end.abort();
    });
  }
}
