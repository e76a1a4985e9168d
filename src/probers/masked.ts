/**
 * Masks the credentials of a target in what the target answers: a server may echo the request in an error text.
 *
 *     detail, error text --> *** in place of a credential: as it is, percent-encoded, as base64, or cut at the end
 */
import type { ProberOptions } from "./options.js";
import type { Prober } from "./prober.js";
import { credentialsOf } from "./target.js";

/** Shorter credentials would mask harmless text. */
const MIN_SECRET_CHARACTERS = 4;

/** Names of headers and of query parameters whose values are credentials. */
const SECRET_NAME = /auth|cookie|token|key|secret|pass|session/i;

const MASK = "***";

/** The same prober without the credentials of its target in its results and errors. */
export function maskSecrets(prober: Prober, url: string, { headers = {} }: ProberOptions): Prober {
  const forms = formsOf([...secretsOfUrl(url), ...secretsOfHeaders(headers)]);
  if (forms.length === 0) return prober;
  return {
    async probe(context) {
      try {
        const result = await prober.probe(context);
        return result.detail === undefined ? result : { ...result, detail: mask(result.detail, forms) };
      } catch (error) {
        throw error instanceof Error ? maskError(error, forms) : error;
      }
    },
    close: () => prober.close(),
    ...(prober.cancel === undefined ? {} : { cancel: () => prober.cancel?.() }),
    ...(prober.onChange === undefined ? {} : { onChange: (listener) => prober.onChange?.(listener) }),
  };
}

function secretsOfUrl(url: string): readonly string[] {
  if (!URL.canParse(url)) return [];
  const target = new URL(url);
  const { user = "", password } = credentialsOf(target);
  const parameters = [...target.searchParams].flatMap(([name, value]) => (SECRET_NAME.test(name) ? [value] : []));
  // over HTTP, a user name alone is a token: https://TOKEN@host
  const isToken = user !== "" && /^(?:flower\+)?https?(?:\+unix)?:$/.test(target.protocol);
  const tokens = isToken ? [user, base64Of(`${user}:`)] : [];
  return [...parameters, ...(password === undefined ? tokens : [password, base64Of(`${user}:${password}`)])];
}

function secretsOfHeaders(headers: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    SECRET_NAME.test(name) ? [value, ...value.split(/[\s;=,]+/).filter((word) => word.length >= 8)] : [],
  );
}

/** The forms in which a text may hold the secrets, the longest first. */
function formsOf(secrets: readonly string[]): readonly string[] {
  const forms = secrets
    .filter((secret) => secret.length >= MIN_SECRET_CHARACTERS)
    .flatMap((secret) => [
      ...[secret, encodeURIComponent(secret), encodeURI(secret), JSON.stringify(secret).slice(1, -1)],
      // without the padding and the last character, which depends on what follows
      base64Of(secret).replace(/.=*$/, ""),
      Buffer.from(secret).toString("base64url").slice(0, -1),
    ]);
  return [...new Set(forms)]
    .filter(({ length }) => length >= MIN_SECRET_CHARACTERS)
    .sort((a, b) => b.length - a.length);
}

function base64Of(text: string): string {
  return Buffer.from(text).toString("base64");
}

function mask(text: string, forms: readonly string[]): string {
  let masked = text;
  for (const form of forms) masked = masked.replaceAll(form, MASK);
  // a detail is cut at its end
  for (const form of forms)
    for (let length = form.length - 1; length >= MIN_SECRET_CHARACTERS; length -= 1)
      if (masked.endsWith(form.slice(0, length))) return `${masked.slice(0, -length)}${MASK}`;
  return masked;
}

/** The error itself, with its texts masked: its type and code are used later. */
function maskError(error: Error, forms: readonly string[], depth = 0): Error {
  error.message = mask(error.message, forms);
  if (error.stack !== undefined) error.stack = mask(error.stack, forms);
  if (error.cause instanceof Error && depth < 5) maskError(error.cause, forms, depth + 1);
  return error;
}
