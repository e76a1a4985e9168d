/**
 * Sends the messages of one webhook: one POST, one deadline, one verdict.
 *
 *     200-299                                   delivered
 *     408, 425, 429, 500-599, no answer         retry, after `Retry-After` where the answer has one
 *     any other status, redirects among them    rejected: the same request would be answered the same
 *
 * It is the client of the HTTP checks: the same rules of TLS, DNS and forbidden addresses. It follows no redirect, uses no
 * proxy and keeps no connection. No text of an answer is used or shown, and at most 4 KiB of its body are read.
 */
import { isIP } from "node:net";
import { Http1Client } from "../client/http-client.js";
import type { HttpResponse } from "../client/http-response.js";
import { tlsOptions } from "../client/tls-options.js";
import { messageOf } from "../core/health-error.js";
import { addressOf } from "../probers/http.js";
import { requestOf } from "../probers/http-request.js";
import { createMask } from "../probers/masked.js";
import type { ProberDeps } from "../probers/options.js";
import { resultOfError } from "../probers/reasons.js";
import { hostOf, socketPathOf } from "../probers/target.js";
import { encodeMessage } from "./webhook-forms.js";
import type { Message } from "./webhook-message.js";
import type { WebhookSettings } from "./webhook-settings.js";
import { signedHeaders, signingKey } from "./webhook-signature.js";

/** What became of one request. `detail` is for the log. */
export type SendResult =
  | { readonly kind: "delivered" }
  | { readonly kind: "retry"; readonly detail: string; readonly retryAfterMs: number | undefined }
  | { readonly kind: "rejected"; readonly detail: string };

/** What a client connects with, and the name of this machine. */
export interface WebhookClientDeps extends ProberDeps {
  readonly host: string;
}

const MAX_BODY_BYTES = 4_096;

/** A longer pause is not accepted from a receiver. */
const MAX_RETRY_AFTER_MS = 3_600_000;

const MS_PER_SECOND = 1_000;

/** Statuses of the client's side that a later request may not get (RFC 9110, RFC 8470, RFC 6585). */
const TRANSIENT: ReadonlySet<number> = new Set([408, 425, 429]);

export class WebhookClient {
  readonly #settings: WebhookSettings;
  readonly #deps: WebhookClientDeps;
  readonly #url: URL;
  readonly #key: Buffer | undefined;
  readonly #mask: (text: string) => string;
  /** That of the request that runs. */
  #client: Http1Client | undefined;

  constructor(settings: WebhookSettings, deps: WebhookClientDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.#url = new URL(settings.url);
    this.#key = settings.secret === undefined ? undefined : signingKey(settings.secret);
    this.#mask = createMask(placeOf(this.#url));
  }

  /** Sends a message. Never rejects. */
  async send(message: Message): Promise<SendResult> {
    const { clock } = this.#deps;
    const { timeoutMs } = this.#settings;
    const cancelDeadline = clock.setTimer(timeoutMs, () => this.#client?.cancel());
    try {
      this.#client = this.#open();
      const response = await this.#client.send(this.#requestOf(message), timeoutMs);
      return resultOf(response, clock.wallTime());
    } catch (error) {
      return { kind: "retry", detail: this.#mask(detailOf(error)), retryAfterMs: undefined };
    } finally {
      cancelDeadline();
      this.close();
    }
  }

  /** Ends the request that runs, if there is one: it is to be sent again. */
  close(): void {
    this.#client?.cancel();
    this.#client?.close();
    this.#client = undefined;
  }

  /** @throws HealthError TLS_FAILED for a store of the system that cannot be read */
  #open(): Http1Client {
    const { clock, random, readBuffer, authorities } = this.#deps;
    const { tls } = this.#settings;
    const ca = authorities?.of(tls?.ca) ?? tls?.ca;
    const isSecure = this.#url.protocol === "https:";
    const secure = isSecure ? tlsOptions(hostOf(this.#url), { ...tls, ca }, ["http/1.1"]) : undefined;
    return new Http1Client({
      address: { ...addressOf(this.#url, this.#deps), readBuffer, tls: secure },
      reuse: { reuse: false, maxAgeMs: 0, clock, random },
      maxBodyBytes: MAX_BODY_BYTES,
    });
  }

  #requestOf(message: Message) {
    const sentAt = this.#deps.clock.wallTime();
    const { form, headers } = this.#settings;
    const body = encodeMessage(form, message, { instance: this.#deps.host, sentAt });
    const own = signedHeaders({ id: message.id, body, sentAt }, this.#key);
    const all = { "content-type": "application/json", ...headers, ...own };
    return requestOf(this.#url, `${this.#url.pathname}${this.#url.search}`, { body, headers: all, reuse: false });
  }
}

function resultOf({ status, headers }: HttpResponse, wallTime: number): SendResult {
  if (status >= 200 && status < 300) return { kind: "delivered" };
  const detail = `HTTP status ${status}`;
  if (status < 500 && !TRANSIENT.has(status)) return { kind: "rejected", detail };
  return { kind: "retry", detail, retryAfterMs: readRetryAfter(headers.get("retry-after"), wallTime) };
}

/** Seconds or a date (RFC 9110, section 10.2.3). Discord sends fractions of seconds. */
function readRetryAfter(text: string | undefined, wallTime: number): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) * MS_PER_SECOND : Date.parse(text) - wallTime;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS);
}

/** The name or the socket of a receiver, which errors of the system show: some services have a token in the name. */
function placeOf(url: URL): readonly string[] {
  if (url.protocol === "http+unix:") return [socketPathOf(url, url.protocol)];
  const host = hostOf(url);
  return isIP(host) === 0 ? [host] : [];
}

/** Why there was no answer. Errors of the system name at most an address, a name or a socket. */
function detailOf(error: unknown): string {
  try {
    const { reason, detail } = resultOfError(error);
    return detail ?? reason ?? "no answer";
  } catch (fault) {
    return messageOf(fault);
  }
}
