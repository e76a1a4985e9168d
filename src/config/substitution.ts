/**
 * Substitutes `${NAME}` in a value.
 *
 *     ${NAME}            an environment variable
 *     ${NAME:-default}   the same, with a default for a variable that is not set or empty
 *     ${file:/path}      the content of a file, without the newline at its end: for secrets
 *     $$                 a dollar sign
 *
 * A substituted text is not substituted again: a secret with a dollar sign stays as it is. Inside the user info of a URL it
 * is percent-encoded: a slash in a password would otherwise end the host.
 *
 *     redis://app:${PASSWORD}@${HOST}:6379/0     PASSWORD is encoded, HOST is not
 *     ${DATABASE_URL}                            a whole URL is not
 */
import { isUnknown, placeholderFor, REFERENCE, userInfoOf } from "./url-template.js";

/** Where values come from. */
export interface Sources {
  /** The value of an environment variable. */
  readonly variable: (name: string) => string | undefined;
  /** The content of a file. If it cannot be read, `refuse` is called with the reason. */
  readonly secret: (path: string, refuse: (fault: string) => void) => string | undefined;
  /** Whether a placeholder stands for a value that is missing. */
  readonly usesPlaceholders?: boolean | undefined;
}

/** A value after the substitution, or what is wrong with it. */
export type Substituted =
  | {
      readonly text: string;
      /** The texts that were inserted. */
      readonly pieces: readonly string[];
      /** Whether a placeholder stands for a value, so that nothing can be said about this one. */
      readonly isUnknown: boolean;
    }
  | {
      readonly faults: readonly string[];
      /** Whether a placeholder would be right for each of them: a variable or a file has no value. */
      readonly isMissing: boolean;
    };

const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;

/** What is known about the value. */
export interface SubstitutionRules {
  /** At most so many characters are inserted: a value may name a long file many times. */
  readonly maxCharacters: number;
  readonly isUrl: boolean;
}

const TOO_LONG = "the values of ${...} in this file are too long together";

/** Substitutes every `${...}` of a value. */
export function substitute(
  template: string,
  sources: Sources,
  { maxCharacters, isUrl }: SubstitutionRules,
): Substituted {
  const faults: string[] = [];
  const pieces: string[] = [];
  const userInfo = isUrl ? userInfoOf(template) : undefined;
  let inserted = 0;
  let hasPlaceholder = false;
  let isMissing = true;
  const text = template.replace(REFERENCE, (whole, inside: string | undefined, at: number) => {
    if (whole === "$$") return "$";
    if (inside === undefined) {
      faults.push("a dollar sign starts ${NAME}; write $$ for a dollar sign");
      isMissing = false;
      return "";
    }
    const looked = lookUp(inside, sources);
    if ("fault" in looked && looked.isMissing && sources.usesPlaceholders === true) {
      hasPlaceholder = true;
      return placeholderFor(template, at, whole.length);
    }
    if ("fault" in looked) {
      faults.push(looked.fault);
      isMissing &&= looked.isMissing;
    }
    const value = "fault" in looked ? "" : looked.value;
    if (value === "") return "";
    const isInUserInfo = userInfo !== undefined && at >= userInfo.start && at < userInfo.end;
    const piece = isInUserInfo ? encodeURIComponent(value.toWellFormed()) : value;
    inserted += piece.length;
    if (inserted > maxCharacters) return "";
    pieces.push(value);
    if (piece !== value) pieces.push(piece);
    return piece;
  });
  if (inserted > maxCharacters) return { faults: [...faults, TOO_LONG], isMissing: false };
  if (faults.length > 0) return { faults, isMissing };
  return { text, pieces, isUnknown: hasPlaceholder && isUnknown(template, isUrl) };
}

/** `isMissing`: the reference is valid, but has no value. */
type LookedUp = { readonly value: string } | { readonly fault: string; readonly isMissing: boolean };

function lookUp(inside: string, { variable, secret }: Sources): LookedUp {
  if (inside.startsWith("file:")) return readSecret(inside.slice("file:".length), secret);
  const [, name, fallback] = VARIABLE.exec(inside) ?? [];
  if (name === undefined)
    return { fault: `\${${inside}} is neither \${NAME}, \${NAME:-default} nor \${file:/path}`, isMissing: false };
  const text = variable(name);
  if (text !== undefined && (text !== "" || fallback === undefined)) return { value: text };
  if (fallback !== undefined) return { value: fallback };
  const fault = `the environment variable ${name} is not set (with a default: \${${name}:-default})`;
  return { fault, isMissing: true };
}

/** An empty file is one that another program is about to write: nothing may be configured with an empty secret. */
function readSecret(path: string, secret: Sources["secret"]): LookedUp {
  let fault = `the file ${path} is empty`;
  const text = secret(path, (reason) => {
    fault = reason;
  });
  const value = text?.replace(/\r?\n$/, "") ?? "";
  return value === "" ? { fault, isMissing: true } : { value };
}
