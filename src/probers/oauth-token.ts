/**
 * An OAuth2 token for the requests to a target: the client-credentials grant (RFC 6749, section 4.4).
 *
 *     authorize(request) --> token that is valid for a while? --yes--> request with `authorization: Bearer TOKEN`
 *                               | no                                     ^
 *                               '--> POST tokenUrl, in half of the time -'      anything but a token: a prober error
 *
 * An authorization server that is down, or that refuses the client, says nothing about the target. So each of its faults is
 * a prober error (`auth-server`), which changes no state. It has half of the timeout, because at the deadline the runner
 * counts a failure of the target.
 */
import { rootCertificates } from "node:tls";
import type { Authorities } from "../client/authorities.js";
import { Http1Client, type HttpClientRequest } from "../client/http-client.js";
import { decodeContent, type HttpContent, textOf } from "../client/http-content.js";
import { tlsOptions } from "../client/tls-options.js";
import { OptionError } from "../core/option-error.js";
import { requestOf } from "./http-request.js";
import { OAUTH_METHODS, type OAuthClient, type ProberDeps, type ProberOptions, reuseOptionsOf } from "./options.js";
import { type ProbeContext, ProberError } from "./prober.js";
import { resultOfError } from "./reasons.js";
import { formEncoded, hostOf } from "./target.js";
import { afterShare } from "./time-share.js";

const MAX_BODY_BYTES = 65_536;

/** A longer token would not fit into the header fields of most servers. */
const TOKEN = /^[\x21-\x7e]{1,8192}$/;

/** A token is renewed so long before its end: at most half of its lifetime. */
const MARGIN_MS = 60_000;

/** The lifetime of a token that states none. */
const DEFAULT_LIFETIME_S = 300;
const MAX_LIFETIME_S = 86_400;

interface Token {
  readonly text: string;
  readonly renewAt: number;
}

export class TokenSource {
  readonly #client: Http1Client;
  readonly #request: HttpClientRequest;
  readonly #clock: ProberDeps["clock"];
  #token: Token | undefined;
  #authorized:
    | { readonly from: HttpClientRequest; readonly token: Token; readonly request: HttpClientRequest }
    | undefined;

  /** @throws HealthError INVALID_OPTION */
  constructor(auth: OAuthClient, deps: ProberDeps, options: ProberOptions) {
    const url = readTokenUrl(auth, deps);
    const secure = url.protocol === "https:";
    const address = {
      host: hostOf(url),
      port: Number(url.port) || (secure ? 443 : 80),
      resolver: deps.resolver,
      readBuffer: deps.readBuffer,
      tls: secure ? tlsOptions(hostOf(url), { ca: trustedAuthorities(deps, options) }, ["http/1.1"]) : undefined,
      closesByReset: true,
    };
    const reuse = { ...reuseOptionsOf({}, deps), reuse: false };
    this.#client = new Http1Client({ address, reuse, maxBodyBytes: MAX_BODY_BYTES });
    this.#request = tokenRequestOf(auth, url);
    this.#clock = deps.clock;
  }

  /** The token that the last request had, if there was one. */
  get token(): string | undefined {
    return this.#token?.text;
  }

  /** The request with a token. The same object as long as the token is the same. @throws ProberError `auth-server` */
  async authorize(from: HttpClientRequest, context: ProbeContext): Promise<HttpClientRequest> {
    if (this.#token === undefined || this.#clock.now() >= this.#token.renewAt) this.#token = await this.#fetch(context);
    const token = this.#token;
    if (this.#authorized?.from !== from || this.#authorized.token !== token) {
      const fields = new Map([...from.fields, ["authorization", `Bearer ${token.text}`]]);
      this.#authorized = { from, token, request: { ...from, fields } };
    }
    return this.#authorized.request;
  }

  /** The target has refused the token. */
  invalidate(): void {
    this.#token = undefined;
  }

  cancel(): void {
    this.#client.cancel();
  }

  close(): void {
    this.#client.close();
  }

  async #fetch(context: ProbeContext): Promise<Token> {
    const timeoutMs = context.leftMs() / 2;
    const stopTimer = afterShare(context, timeoutMs, this.#clock, () => this.#client.cancel());
    try {
      const response = await this.#client.send(this.#request, timeoutMs);
      return readToken(await decodeContent(response, MAX_BODY_BYTES), this.#clock.now());
    } catch (error) {
      if (error instanceof ProberError) throw error;
      // it throws for faults of this machine
      const { detail = "" } = resultOfError(error);
      throw new ProberError("auth-server", `no token from auth.tokenUrl: ${detail}`, { cause: error });
    } finally {
      stopTimer();
    }
  }
}

/** The target's authorities are trusted beside the usual ones: its authorization server may have either. */
function trustedAuthorities({ authorities }: ProberDeps, { tls }: ProberOptions): string | Authorities | undefined {
  const usual = authorities?.of(undefined);
  const ca = authorities === undefined ? tls?.ca : authorities.of(tls?.ca);
  if (ca === undefined || ca === usual) return usual;
  return [ca, ...(usual === undefined ? rootCertificates : [usual])].map(pemOf).join("\n");
}

function pemOf(authorities: string | Authorities): string {
  return typeof authorities === "string" ? authorities : authorities.pem;
}

function readTokenUrl(auth: OAuthClient, { resolver }: ProberDeps): URL {
  const { tokenUrl, clientId, clientSecret, method = OAUTH_METHODS[0] } = auth;
  const url = URL.canParse(tokenUrl) ? new URL(tokenUrl) : undefined;
  // RFC 6749, section 3.2: the credentials are those of the client, and there is no fragment
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username + url.password + url.hash !== "")
    throw invalid("tokenUrl", "must be a URL of http or https without user info and fragment");
  if (!resolver.permits(hostOf(url)))
    throw invalid("tokenUrl", "must not be a link-local address or a metadata service; allowLinkLocal: true allows it");
  // the values are secrets, so they are not shown
  for (const [name, value] of Object.entries({ clientId, clientSecret }))
    if (typeof value !== "string" || value === "") throw invalid(name, "must be text that is not empty");
  if (!OAUTH_METHODS.includes(method)) throw invalid("method", `must be one of ${OAUTH_METHODS.join(", ")}`);
  return url;
}

function tokenRequestOf(
  { clientId, clientSecret, scopes, audience, method }: OAuthClient,
  url: URL,
): HttpClientRequest {
  const form = new URLSearchParams({ grant_type: "client_credentials" });
  if (scopes !== undefined && scopes.length > 0) form.set("scope", scopes.join(" "));
  if (audience !== undefined) form.set("audience", audience);
  const isPost = method === "client_secret_post";
  if (isPost) {
    form.set("client_id", clientId);
    form.set("client_secret", clientSecret);
  }
  const basic = Buffer.from(`${formEncoded(clientId)}:${formEncoded(clientSecret)}`).toString("base64");
  const headers = {
    accept: "application/json",
    "content-type": "application/x-www-form-urlencoded",
    ...(isPost ? {} : { authorization: `Basic ${basic}` }),
  };
  return requestOf(url, `${url.pathname}${url.search}`, { body: form.toString(), headers, reuse: false });
}

function readToken(response: HttpContent, now: number): Token {
  const answer = readObject(response);
  if (response.status !== 200) throw authServer(`HTTP status ${response.status}${errorCodeOf(answer)}`);
  const { access_token: text, token_type: type = "bearer", expires_in: lifetime } = answer;
  if (typeof text !== "string" || !TOKEN.test(text)) throw authServer("the answer has no access_token");
  if (String(type).toLowerCase() !== "bearer") throw authServer("the token_type is not bearer");
  const seconds = Math.min(lifetimeOf(lifetime), MAX_LIFETIME_S);
  const lifetimeMs = seconds * 1_000;
  return { text, renewAt: now + lifetimeMs - Math.min(MARGIN_MS, lifetimeMs / 2) };
}

/** Seconds, as a number or, against section 5.1, as a text. Of 0 or less, the token is for one request. */
function lifetimeOf(given: unknown): number {
  const seconds =
    typeof given === "number" || (typeof given === "string" && given.trim() !== "") ? Number(given) : Number.NaN;
  return Number.isNaN(seconds) ? DEFAULT_LIFETIME_S : Math.max(0, seconds);
}

function readObject(response: HttpContent): Readonly<Record<string, unknown>> {
  try {
    // any value can be read as an object without those fields
    return Object(JSON.parse(textOf(response)));
  } catch {
    return {};
  }
}

/** The error code of section 5.2; another text of the server is not shown. */
function errorCodeOf({ error }: Readonly<Record<string, unknown>>): string {
  return typeof error === "string" && /^[a-z_]{1,60}$/.test(error) ? `, ${error}` : "";
}

function authServer(text: string): ProberError {
  return new ProberError("auth-server", `no token from auth.tokenUrl: ${text}`);
}

function invalid(name: string, text: string): OptionError {
  return new OptionError(["auth", name], text);
}
