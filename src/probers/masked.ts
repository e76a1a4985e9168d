/**
 * Masks the credentials of a target in what the target answers: a server may echo the request in an error text.
 *
 *     detail, error text --> *** in place of a credential: as it is, percent-encoded, as base64, or cut
 */
import type { ProberOptions } from "./options.js";
import type { Prober } from "./prober.js";
import { type Credentials, credentialsOf } from "./target.js";

/** Parts of words are masked from this length on: shorter ones would mask harmless text. */
const MIN_SECRET_CHARACTERS = 4;

/** Names of headers and of query parameters whose values are credentials. */
const SECRET_NAME = /auth|cookie|token|key|secret|pass(?!ing)|session/i;

const MASK = "***";

/** The same prober without the credentials of its target in its results and errors. */
export function maskSecrets(prober: Prober, url: string, options: ProberOptions): Prober {
  const secrets = secretsOf(url, options);
  if (secrets.length === 0) return prober;
  const mask = createMask(secrets);
  return {
    async probe(context) {
      try {
        const result = await prober.probe(context);
        return result.detail === undefined ? result : { ...result, detail: mask(result.detail) };
      } catch (error) {
        throw error instanceof Error ? maskError(error, mask) : error;
      }
    },
    close: () => prober.close(),
    ...(prober.cancel === undefined ? {} : { cancel: () => prober.cancel?.() }),
    ...(prober.onChange === undefined ? {} : { onChange: (listener) => prober.onChange?.(listener) }),
  };
}

function secretsOf(url: string, options: ProberOptions): readonly string[] {
  const target = new URL(url);
  const isHttp = /^(?:flower\+)?https?(?:\+unix)?:$/.test(target.protocol);
  const named = [...secretsOfQuery(target), ...secretsOfHeaders(options.headers ?? {})];
  return [
    // a short value of a header or parameter is rather a switch: ?auth=1
    ...named.filter(({ length }) => length >= MIN_SECRET_CHARACTERS),
    ...secretsOfLogin(credentialsOf(target, options), isHttp),
  ];
}

/** Decoded, and as they are written in the URL. */
function secretsOfQuery({ search, searchParams }: URL): readonly string[] {
  const decoded = [...searchParams];
  const written = search.slice(1).split("&");
  return [...decoded, ...written.map((parameter) => splitAt(parameter, "="))].flatMap(([name, value]) =>
    SECRET_NAME.test(name) ? [value] : [],
  );
}

function splitAt(text: string, separator: string): readonly [before: string, after: string] {
  const [before = "", ...after] = text.split(separator);
  return [before, after.join(separator)];
}

function secretsOfLogin({ user = "", password }: Credentials, isHttp: boolean): readonly string[] {
  const pair = `${user}:${password ?? ""}`;
  if (password !== undefined) return [password, base64Of(pair)];
  // over HTTP, a user name alone is a token: https://TOKEN@host
  return isHttp && user !== "" ? [user, base64Of(pair)] : [];
}

function secretsOfHeaders(headers: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    SECRET_NAME.test(name) ? [value, ...value.split(/[\s;=,]+/).filter((word) => word.length >= 8)] : [],
  );
}

/** Masks the secrets in a text. */
type Mask = (text: string) => string;

function createMask(secrets: readonly string[]): Mask {
  const forms = formsOf(secrets);
  const short = secrets.filter(({ length }) => length > 0 && length < MIN_SECRET_CHARACTERS);
  const words = short.length === 0 ? undefined : wholeWords(short);
  return (text) => {
    let masked = text;
    for (const form of forms) masked = masked.replaceAll(form, MASK);
    for (const form of forms) masked = maskCut(masked, form);
    return words === undefined ? masked : masked.replace(words, MASK);
  };
}

/** The forms in which a text may hold the secrets, the longest first. */
function formsOf(secrets: readonly string[]): readonly string[] {
  const forms = secrets.flatMap((secret) => [
    ...[secret, JSON.stringify(secret).slice(1, -1)],
    // some protocols are read byte by byte
    Buffer.from(secret).toString("latin1"),
    ...percentForms(secret.toWellFormed()),
    ...(secret.length < MIN_SECRET_CHARACTERS ? [] : base64FormsOf(secret)),
  ]);
  return [...new Set(forms)]
    .filter(({ length }) => length >= MIN_SECRET_CHARACTERS)
    .sort((a, b) => b.length - a.length);
}

/** Both cases of the digits, and a plus sign for a space, as forms are encoded. */
function percentForms(secret: string): readonly string[] {
  const forms = [encodeURIComponent(secret), encodeURI(secret)];
  const upper = [...forms, ...forms.map((form) => form.replaceAll("%20", "+"))];
  return [...upper, ...upper.map((form) => form.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()))];
}

/** Without the padding and the last character, which depends on what follows. */
function base64FormsOf(secret: string): readonly string[] {
  return [base64Of(secret).replace(/.=*$/, ""), Buffer.from(secret).toString("base64url").slice(0, -1)];
}

function base64Of(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** Where a text or a value in it was cut: only the beginning of a secret may be there. */
const CUT = /\.\.\.|\u2026|$/g;

function maskCut(text: string, form: string): string {
  if (!text.includes(form.slice(0, MIN_SECRET_CHARACTERS))) return text;
  let masked = "";
  let copied = 0;
  for (const { index, 0: mark } of text.matchAll(CUT)) {
    const before = text.slice(copied, index);
    masked += `${withoutBeginning(before, form)}${mark}`;
    copied = index + mark.length;
  }
  return masked;
}

/** A text that ends with the beginning of a secret has a mask there. */
function withoutBeginning(text: string, form: string): string {
  for (let length = form.length - 1; length >= MIN_SECRET_CHARACTERS; length -= 1)
    if (text.endsWith(form.slice(0, length))) return `${text.slice(0, -length)}${MASK}`;
  return text;
}

function wholeWords(secrets: readonly string[]): RegExp {
  const escaped = secrets.map((secret) => secret.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  return new RegExp(`(?<![\\p{L}\\p{N}])(?:${escaped.join("|")})(?![\\p{L}\\p{N}])`, "gu");
}

/** The error itself, with its texts masked: its type and code are used later. */
function maskError(error: Error, mask: Mask, depth = 0): Error {
  error.message = mask(error.message);
  if (error.stack !== undefined) error.stack = mask(error.stack);
  if (error.cause instanceof Error && depth < 5) maskError(error.cause, mask, depth + 1);
  return error;
}
