/**
 * The settings of a webhook: plain data, which `serve`, its reload and `validate` make from a configuration by the same
 * function. What is wrong is an OptionError with the path of the option.
 */
import { isForbiddenAddress } from "../client/forbidden-addresses.js";
import { tlsOptions } from "../client/tls-options.js";
import { type DurationLike, formatDuration, parseDuration } from "../core/duration.js";
import { OptionError } from "../core/option-error.js";
import { requestOf } from "../probers/http-request.js";
import type { TargetTls } from "../probers/options.js";
import { hostOf, socketPathOf } from "../probers/target.js";
import type { NotificationRules } from "./notification-state.js";
import { ALERTMANAGER_REPEAT_MS, WEBHOOK_FORMS, type WebhookForm } from "./webhook-forms.js";
import { signingKey } from "./webhook-signature.js";

/** A webhook as a configuration declares it. */
export interface WebhookDeclaration {
  readonly url: string;
  readonly form?: WebhookForm | undefined;
  readonly services?: readonly string[] | undefined;
  readonly delay?: DurationLike | undefined;
  readonly groupWait?: DurationLike | undefined;
  readonly repeatInterval?: DurationLike | undefined;
  readonly sendResolved?: boolean | undefined;
  readonly timeout?: DurationLike | undefined;
  readonly secret?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly tls?: TargetTls | undefined;
}

export interface WebhookSettings extends NotificationRules {
  /** Unique among the webhooks: logs, metrics and the state folder name it. */
  readonly name: string;
  /** It may be a secret: it is never shown. */
  readonly url: string;
  readonly form: WebhookForm;
  /** Names and patterns; `undefined`: the services that are members of no other. */
  readonly services: readonly string[] | undefined;
  /** Deadline of one request. */
  readonly timeoutMs: number;
  readonly secret: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TargetTls | undefined;
  /** Whether the receiver may have a link-local address. */
  readonly allowLinkLocal: boolean;
}

/** Defaults, in milliseconds. */
export const WEBHOOK_DEFAULTS = { delayMs: 10_000, groupWaitMs: 15_000, timeoutMs: 10_000 } as const;

const MAX_DELAY_MS = 86_400_000;
const MAX_GROUP_WAIT_MS = 3_600_000;
const MIN_REPEAT_MS = 60_000;
const MAX_TIMEOUT_MS = 60_000;

/** A label of the metrics, and a part of keys in the state folder. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/** Headers that are made for each request. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  ...["idempotency-key", "webhook-id", "webhook-timestamp", "webhook-signature"],
]);

/** @throws OptionError, and HealthError INVALID_TARGET or TLS_FAILED */
export function readWebhook(name: string, declared: WebhookDeclaration, allowLinkLocal: boolean): WebhookSettings {
  if (!NAME.test(name))
    throw new OptionError([], "the name must have 1 to 64 letters, digits, dots, hyphens and underscores");
  const { url, form = WEBHOOK_FORMS[0], services, secret, headers = {}, tls, sendResolved = true } = declared;
  const target = readUrl(url, form, allowLinkLocal);
  checkRequest(target, headers);
  // the store of the system is read when it is needed
  if (target.protocol === "https:") tlsOptions(hostOf(target), tls?.ca === "system" ? { ...tls, ca: undefined } : tls);
  else if (tls !== undefined) throw new OptionError(["tls"], "needs a URL of https");
  if (secret !== undefined) signingKey(secret);
  return {
    ...{ name, url: target.href, form, services, secret, headers, tls, sendResolved, allowLinkLocal },
    delayMs: readTime("delay", declared.delay, { fallback: WEBHOOK_DEFAULTS.delayMs, max: MAX_DELAY_MS }),
    groupWaitMs: readTime("groupWait", declared.groupWait, {
      fallback: WEBHOOK_DEFAULTS.groupWaitMs,
      max: MAX_GROUP_WAIT_MS,
    }),
    timeoutMs: readTime("timeout", declared.timeout, {
      fallback: WEBHOOK_DEFAULTS.timeoutMs,
      min: 1,
      max: MAX_TIMEOUT_MS,
    }),
    repeatIntervalMs: readRepeat(form, declared.repeatInterval),
    repeatsAll: form === "alertmanager",
  };
}

/** The URL may be a secret, so no error has a part of it. */
function readUrl(text: string, form: WebhookForm, allowLinkLocal: boolean): URL {
  const refuse = (fault: string): never => {
    throw new OptionError(["url"], fault);
  };
  const url = URL.canParse(text) ? new URL(text) : refuse("must be a URL of http, https or http+unix");
  if (!/^(?:https?|http\+unix):$/.test(url.protocol)) refuse("must be a URL of http, https or http+unix");
  if (url.hash !== "") refuse("must have no fragment (#...): it would not be sent");
  if (url.protocol === "http+unix:") requireSocket(url);
  else if (!allowLinkLocal && isForbiddenAddress(hostOf(url)))
    refuse("must not be a link-local address or a metadata service; allowLinkLocal: true allows it");
  if (form === "alertmanager" && url.pathname === "/") url.pathname = "/api/v2/alerts";
  return url;
}

/** Makes a request, for its faults. */
function checkRequest(target: URL, headers: Readonly<Record<string, string>>): void {
  for (const header of Object.keys(headers))
    if (OWN_HEADERS.has(header.toLowerCase())) throw new OptionError(["headers", header], "is set by healthbridge");
  try {
    requestOf(target, target.pathname, { headers, body: "", reuse: false });
  } catch (cause) {
    if (cause instanceof OptionError) throw cause;
    throw new OptionError(["url"], "has an invalid percent-encoding in its user info", { cause });
  }
}

function requireSocket(url: URL): void {
  try {
    socketPathOf(url, "http+unix://%2Frun%2Fx.sock/path");
  } catch (cause) {
    throw new OptionError(["url"], "must be http+unix://%2Frun%2Fx.sock/path, with an absolute path", { cause });
  }
}

function readRepeat(form: WebhookForm, given: DurationLike | undefined): number | undefined {
  if (form === "alertmanager") {
    if (given === undefined) return ALERTMANAGER_REPEAT_MS;
    throw new OptionError(["repeatInterval"], "is Alertmanager's own setting (repeat_interval of its route)");
  }
  if (given === undefined) return undefined;
  return readTime("repeatInterval", given, { fallback: 0, min: MIN_REPEAT_MS, max: Number.POSITIVE_INFINITY });
}

interface TimeLimits {
  readonly fallback: number;
  readonly min?: number;
  readonly max: number;
}

function readTime(key: string, given: DurationLike | undefined, { fallback, min = 0, max }: TimeLimits): number {
  if (given === undefined) return fallback;
  const ms = parseDuration(given);
  if (ms !== undefined && ms >= min && ms <= max) return ms;
  const least = min > 1 ? `of at least ${formatDuration(min)}` : min === 1 ? "above 0" : "";
  const most = max === Number.POSITIVE_INFINITY ? "" : `${least === "" ? "of " : ""}at most ${formatDuration(max)}`;
  const limits = [least, most].filter((text) => text !== "").join(" and ");
  throw new OptionError([key], `must be a duration ${limits}; got ${given}`);
}
