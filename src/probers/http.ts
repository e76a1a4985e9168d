/**
 * `http://`, `https://` and `http+unix://`: passes when the answer is as `expect` says, by default a status from 200 to
 * 299. Of `http+unix://%2Frun%2Fx.sock/path`, the host is the path of a Unix socket, percent-encoded.
 *
 *     token (`auth`) --> request --> answer -- redirect to the same server (`followRedirects`) --> request ...
 *                          ^           | 401: a new token, once        '--> content coding --> expect
 *                          '-----------'
 *
 * By default a redirect is a failure: a target could point healthbridge at any address (Consul's CVE-2022-29153). The
 * first 64 KiB of a body are read; if there is more, they decide, and the connection is closed.
 *
 * Node's own client builds streams, an agent and a parser for each request. The request of a probe is always the same
 * bytes, and its answer is read once; straight on the socket that costs a quarter of the CPU (bench/README.md).
 */
import { BrokenCall } from "../client/broken-call.js";
import type { TargetAddress } from "../client/connection-attempts.js";
import {
  encodeHttp2,
  Http1Client,
  Http2Client,
  type HttpClient,
  type HttpClientRequest,
  MAX_HTTP2_HEAD_BYTES,
} from "../client/http-client.js";
import { decodeContent } from "../client/http-content.js";
import type { HttpResponse } from "../client/http-response.js";
import { tlsOptions } from "../client/tls-options.js";
import { OptionError } from "../core/option-error.js";
import { compileExpectation, type HttpJudgement } from "./expectation.js";
import { describeLocation, isRedirection, MAX_REDIRECTS, readRedirect } from "./http-redirect.js";
import { requestOf } from "./http-request.js";
import { createMask } from "./masked.js";
import { TokenSource } from "./oauth-token.js";
import { type ProberDeps, type ProberOptions, reuseOptionsOf } from "./options.js";
import { type ProbeContext, type ProbeResult, type Prober, withCertificate } from "./prober.js";
import { resultOfError } from "./reasons.js";
import { hostOf, socketPathOf } from "./target.js";

/** The path that is asked for, and what the answer means. */
export interface HttpProbe extends HttpJudgement {
  readonly path: string;
  /** More bytes of a body are not read. Default 64 KiB. */
  readonly maxBodyBytes?: number;
}

const DEFAULT_MAX_BODY_BYTES = 65_536;

/** A prober of a web address. It keeps one connection, unless `reuse` is false. */
export function openHttp(target: URL, deps: ProberDeps, options: ProberOptions): Prober {
  const probe = { path: `${target.pathname || "/"}${target.search}`, ...compileExpectation(options.expect) };
  return new HttpProber(target, probe, deps, options);
}

/** A prober of one path, over TLS where the scheme ends with `https`. */
export class HttpProber implements Prober {
  readonly #target: URL;
  readonly #probe: HttpProbe;
  readonly #deps: ProberDeps;
  readonly #options: ProberOptions;
  readonly #maxBodyBytes: number;
  readonly #request: HttpClientRequest;
  readonly #client: HttpClient;
  readonly #tokens: TokenSource | undefined;

  /** @throws HealthError INVALID_TARGET, INVALID_OPTION, TLS_FAILED */
  constructor(target: URL, probe: HttpProbe, deps: ProberDeps, options: ProberOptions) {
    this.#target = target;
    this.#probe = probe;
    this.#deps = deps;
    this.#options = options;
    this.#maxBodyBytes = probe.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES;
    this.#request = requestOf(target, probe.path, options);
    this.#client = openClient(target, this.#request, deps, options, this.#maxBodyBytes);
    this.#tokens = openTokens(this.#request, deps, options);
  }

  async probe(context: ProbeContext): Promise<ProbeResult> {
    try {
      const isPlain = this.#tokens === undefined && this.#options.followRedirects === undefined;
      const response = await (isPlain ? this.#client.send(this.#request, context.timeoutMs) : this.#respond(context));
      if (!response.isReusable) this.#client.close();
      this.#deps.resolver.trace?.({
        kind: "answered",
        text: `HTTP status ${response.status}, ${response.body.length} bytes of body`,
      });
      const { evaluate, needsBody } = this.#probe;
      const content = needsBody ? await decodeContent(response, this.#maxBodyBytes) : response;
      return this.#withCertificate(this.#explain(evaluate(content), response));
    } catch (error) {
      return resultOfError(error);
    }
  }

  cancel(): void {
    this.#tokens?.cancel();
    this.#client.cancel();
  }

  close(): void {
    this.#tokens?.close();
    this.#client.close();
  }

  /** Asks with a token, and once more with a new one when the target refuses it. */
  async #respond(context: ProbeContext): Promise<HttpResponse> {
    const tokens = this.#tokens;
    if (tokens === undefined) return this.#follow(this.#request, context);
    const authorize = () => {
      requireTime(context);
      return tokens.authorize(this.#request, context);
    };
    const response = await this.#follow(await authorize(), context);
    if (response.status !== 401) return response;
    if (!response.isReusable) this.#client.close();
    tokens.invalidate();
    return this.#follow(await authorize(), context);
  }

  /** Sends a request, and those that redirects ask for. */
  async #follow(first: HttpClientRequest, context: ProbeContext): Promise<HttpResponse> {
    const isFollowing = this.#options.followRedirects !== undefined;
    let request = first;
    for (let redirects = 0; ; redirects += 1) {
      const response = await this.#client.send(request, requireTime(context));
      const next = isFollowing ? readRedirect(this.#target, request, response) : undefined;
      if (typeof next !== "object" || redirects === MAX_REDIRECTS) return response;
      if (!response.isReusable) this.#client.close();
      request = next;
    }
  }

  /** Says where a redirect leads and why it was not followed, and removes the token from the text. */
  #explain(result: ProbeResult, response: HttpResponse): ProbeResult {
    if (result.detail === undefined) return result;
    const { token } = this.#tokens ?? {};
    const isRedirect = result.reason === "redirect" && isRedirection(response);
    const text = `${result.detail}${isRedirect ? describeLocation(response) : ""}`;
    const detail = token === undefined ? text : createMask([token])(text);
    if (!isRedirect || this.#options.followRedirects === undefined) return { ...result, detail };
    const next = readRedirect(this.#target, this.#request, response);
    if (next === undefined) return { ...result, detail };
    const why = typeof next === "string" ? next : `there were ${MAX_REDIRECTS} before it`;
    return { ...result, detail: `${detail}; the redirect was not followed: ${why}` };
  }

  #withCertificate(result: ProbeResult): ProbeResult {
    const { certificateEndsAt } = this.#client;
    if (certificateEndsAt === undefined) return result;
    return withCertificate(result, certificateEndsAt, this.#deps.clock.wallTime(), this.#options.tls?.warnBefore);
  }
}

/** The time that is left for the next request. @throws BrokenCall: `cancel` came between two requests, and had none to end */
function requireTime(context: ProbeContext): number {
  const leftMs = context.leftMs();
  if (leftMs <= 0) throw new BrokenCall("cancelled", "the deadline is over");
  return leftMs;
}

function openClient(
  target: URL,
  request: HttpClientRequest,
  deps: ProberDeps,
  options: ProberOptions,
  maxBodyBytes: number,
): HttpClient {
  const { http2 = false, followRedirects } = options;
  if (followRedirects !== undefined && followRedirects !== "same-origin")
    throw new OptionError(["followRedirects"], `must be same-origin; got ${JSON.stringify(followRedirects)}`);
  const scheme = target.protocol.endsWith("https:") ? "https" : "http";
  const isSecure = scheme === "https";
  if (http2 !== false && http2 !== (isSecure ? true : "prior-knowledge"))
    throw new OptionError(
      ["http2"],
      `must be ${isSecure ? "true for a target of https" : "prior-knowledge for a target without TLS"}`,
    );
  if (http2 !== false && encodeHttp2(request, scheme).head.length > MAX_HTTP2_HEAD_BYTES)
    throw new OptionError(["headers"], `must have at most ${MAX_HTTP2_HEAD_BYTES} bytes with http2`);
  const tls = isSecure ? tlsOptions(hostOf(target), options.tls, [http2 === false ? "http/1.1" : "h2"]) : undefined;
  const address = { ...addressOf(target, deps), readBuffer: deps.readBuffer, tls, closesByReset: http2 === false };
  const client = { address, reuse: reuseOptionsOf(options, deps), maxBodyBytes };
  return http2 === false ? new Http1Client(client) : new Http2Client(client);
}

function openTokens({ fields }: HttpClientRequest, deps: ProberDeps, options: ProberOptions): TokenSource | undefined {
  const { auth } = options;
  if (auth === undefined) return undefined;
  if (fields.has("authorization"))
    throw new OptionError(["auth"], "must not stand beside a user name in the target, or a header authorization");
  return new TokenSource(auth, deps, options);
}

/** Where an HTTP client connects to for a URL. @throws HealthError INVALID_TARGET */
export function addressOf(target: URL, { resolver }: ProberDeps): TargetAddress {
  if (target.protocol === "http+unix:")
    return { path: socketPathOf(target, "http+unix://%2Frun%2Fx.sock/path"), trace: resolver.trace };
  const port = Number(target.port) || (target.protocol.endsWith("https:") ? 443 : 80);
  return { host: hostOf(target), port, resolver };
}
