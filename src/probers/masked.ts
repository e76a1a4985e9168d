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
export function maskSecrets(prober: Prober, url: string, { headers = {}, metadata = {} }: ProberOptions): Prober {
  return maskTexts(prober, [...secretsOfUrl(url), ...secretsOfHeaders(headers), ...secretsOfMetadata(metadata)]);
}

/** The same prober without these texts in its results and errors. */
export function maskTexts(prober: Prober, secrets: readonly string[]): Prober {
  const forms = formsOf(secrets);
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
  const isToken = user !== "" && /^(?:flower\+)?https?:$/.test(target.protocol);
  const tokens = isToken ? [user, base64Of(`${user}:`)] : [];
  return [...parameters, ...(password === undefined ? tokens : [password, base64Of(`${user}:${password}`)])];
}

function secretsOfHeaders(headers: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    SECRET_NAME.test(name) ? [value, ...value.split(/[\s;=,]+/).filter((word) => word.length >= 8)] : [],
  );
}

/** A value of `-bin` metadata is base64: the target may echo its bytes too. */
function secretsOfMetadata(metadata: Readonly<Record<string, string>>): readonly string[] {
  const bytes = Object.entries(metadata).flatMap(([name, value]) =>
    /-bin$/i.test(name) ? [[name, Buffer.from(value, "base64").toString("utf8")] as const] : [],
  );
  return [...secretsOfHeaders(metadata), ...secretsOfHeaders(Object.fromEntries(bytes))];
}

/**
 * Secrets that a program can print: values of variables with the name of a secret, passwords in URLs, and arguments
 * such as `--password=TEXT` and `--token TEXT`.
 */
export function secretsOfProgram(
  command: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const named = command.flatMap((word, index): readonly (readonly [string, string])[] => {
    const [, name = word, value = command[index + 1] ?? ""] = /^([^=]*)=(.*)$/s.exec(word) ?? [];
    return name.startsWith("-") || word !== name ? [[name, value]] : [];
  });
  const variables = Object.entries(environment).map(([name, value = ""]) => [name, value] as const);
  return [
    ...[...named, ...variables].flatMap(([name, value]) => (SECRET_NAME.test(name) ? [value] : [])),
    ...[...command, ...variables.map(([, value]) => value)].flatMap(passwordOfUrl),
  ];
}

/** The password in a text that has a URL, as it is and decoded. The text may be no valid URL. */
function passwordOfUrl(text: string): readonly string[] {
  const password = /:\/\/[^\s/?#@:]*:(\S+)@/.exec(text)?.[1];
  if (password === undefined) return [];
  const decoded = password.replace(/(?:%[0-9a-f]{2})+/gi, (codes) =>
    Buffer.from(codes.replaceAll("%", ""), "hex").toString("utf8"),
  );
  return [password, decoded];
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
