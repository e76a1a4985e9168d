/**
 * Masks the credentials of a target in what the target answers: a server may echo the request in an error text.
 *
 *     detail, error text --> *** in place of a credential: as it is, percent-encoded, as base64, or cut
 */
import { printable } from "../core/printable.js";
import type { DialogueStep, Expectation, OAuthClient, ProberOptions } from "./options.js";
import type { Prober } from "./prober.js";
import { type Credentials, credentialsOf, formEncoded, parseTarget, withoutUserInfo } from "./target.js";

/** Parts of words are masked from this length on: shorter ones would mask harmless text. */
const MIN_SECRET_CHARACTERS = 4;

/** Names of headers and of query parameters whose values are credentials. */
const SECRET_NAME = /auth|cookie|token|key|secret|pass(?!ing)|session/i;

const MASK = "***";

/** The same prober without the credentials of its target in its results and errors. */
export function maskSecrets(prober: Prober, url: string, options: ProberOptions): Prober {
  return maskTexts(prober, secretsOf(url, options));
}

/** The same prober without these texts in its results and errors. */
export function maskTexts(prober: Prober, secrets: readonly string[]): Prober {
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

/** A function that masks the credentials of a target in a text. */
export function maskerOf(url: string, options: ProberOptions): (text: string) => string {
  return createMask(secretsOf(url, options));
}

/** A URL without its user info, and without the values of the parameters that are credentials. */
export function maskedUrl(url: string): string {
  const [before = "", ...query] = withoutUserInfo(URL.canParse(url) ? new URL(url).href : url).split("?");
  if (query.length === 0) return before;
  const parameters = query.join("?").split("&");
  const shown = parameters.map((each) => {
    const [name, value] = splitAt(each, "=");
    return value !== "" && SECRET_NAME.test(name) ? `${name}=${MASK}` : each;
  });
  return `${before}?${shown.join("&")}`;
}

function secretsOf(url: string, options: ProberOptions): readonly string[] {
  const target = parseTarget(url);
  const isHttp = /^(?:(?:flower\+)?https?(?:\+unix)?|wss?):$/.test(target.protocol);
  const { headers = {}, metadata = {}, dialogue = [], body = "", expect = {} } = options;
  const named = [
    ...secretsOfQuery(target),
    ...secretsOfHeaders(headers),
    ...secretsOfMetadata(metadata),
    ...secretsOfDialogue(dialogue),
    ...secretsOfBody(body),
    ...secretsOfExpectation(expect),
  ];
  return [
    // a short value of a header or parameter is rather a switch: ?auth=1
    ...named.filter(({ length }) => length >= MIN_SECRET_CHARACTERS),
    ...secretsOfLogin(credentialsOf(target, options), isHttp),
    ...secretsOfAuth(options.auth),
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
    const [name, value] = word.includes("=") ? splitAt(word, "=") : [word, command[index + 1] ?? ""];
    return name.startsWith("-") || word.includes("=") ? [[name, value]] : [];
  });
  const variables = Object.entries(environment).map(([name, value = ""]) => [name, value] as const);
  return [
    ...[...named, ...variables].flatMap(([name, value]) =>
      SECRET_NAME.test(name) && value.length >= MIN_SECRET_CHARACTERS ? [value] : [],
    ),
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

/**
 * Every word that is sent may be a credential, but for the first one of a line if it is short: `AUTH`, `EHLO`. So a target
 * that repeats what it got does not get it into a log.
 */
function secretsOfDialogue(steps: readonly DialogueStep[]): readonly string[] {
  const texts = steps.flatMap(({ send }) => (typeof send === "string" ? [send] : []));
  return texts
    .flatMap((text) => text.split(/[\r\n]+/))
    .flatMap((line) => [
      line.replace(/^\S*\s+/, ""), // a password may have blanks
      ...line.split(/\s+/).filter((word, index) => index > 0 || word.length >= 8),
    ]);
}

/** What a header or a value of JSON with the name of a secret must be. */
function secretsOfExpectation({ headers = {}, json = {} }: Expectation): readonly string[] {
  return [...Object.entries(headers), ...Object.entries(json)].flatMap(([name, value]) =>
    SECRET_NAME.test(name) && typeof value === "string" ? [value] : [],
  );
}

/** A body with the name of a secret as a whole, and the values of such names in a form or in JSON. */
function secretsOfBody(body: string): readonly string[] {
  if (!SECRET_NAME.test(body)) return [];
  const form = body.split("&").map((parameter) => splitAt(parameter, "="));
  const json = [...body.matchAll(/"([^"\\]+)"\s*:\s*"((?:[^"\\]|\\.)*)"/g)].map(([, name = "", value = ""]) => [
    name,
    value,
  ]);
  const named = [...form, ...new URLSearchParams(body), ...json];
  return [body, ...named.flatMap(([name = "", value = ""]) => (SECRET_NAME.test(name) ? [value] : []))];
}

function secretsOfAuth(auth: OAuthClient | undefined): readonly string[] {
  if (auth === undefined) return [];
  const { clientId, clientSecret } = auth;
  const encoded = formEncoded(clientSecret);
  return [clientSecret, encoded, base64Of(`${formEncoded(clientId)}:${encoded}`)];
}

/** Masks the secrets in a text. */
type Mask = (text: string) => string;

/** For secrets that are known only while the check runs, such as a token. */
export function createMask(secrets: readonly string[]): Mask {
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
    ...[secret, JSON.stringify(secret).slice(1, -1), printable(secret)],
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
