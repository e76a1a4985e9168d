/**
 * Substitutes `${NAME}` in a value.
 *
 *     ${NAME}            an environment variable
 *     ${NAME:-default}   the same, with a default for a variable that is not set or empty
 *     ${file:/path}      the content of a file, without the newline at its end: for secrets
 *     $$                 a dollar sign
 *
 * A substituted text is not substituted again: a secret with a dollar sign stays as it is.
 */

/** Where values come from. */
export interface Sources {
  /** The value of an environment variable. */
  readonly variable: (name: string) => string | undefined;
  /** The content of a file. If it cannot be read, `refuse` is called with the reason. */
  readonly secret: (path: string, refuse: (fault: string) => void) => string | undefined;
}

/** A value after the substitution, or what is wrong with it. */
export type Substituted =
  | { readonly text: string /** The texts that were inserted. */; readonly pieces: readonly string[] }
  | { readonly faults: readonly string[] };

const REFERENCE = /\$(?:\$|\{([^{}]*)\}|)/g;
const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;

/** Substitutes every `${...}` of a value. At most `maxCharacters` are inserted: a value may name a long file many times. */
export function substitute(template: string, sources: Sources, maxCharacters: number): Substituted {
  const faults: string[] = [];
  const pieces: string[] = [];
  let inserted = 0;
  const text = template.replace(REFERENCE, (whole, inside: string | undefined) => {
    if (whole === "$$") return "$";
    if (inside === undefined) {
      faults.push("a dollar sign starts ${NAME}; write $$ for a dollar sign");
      return "";
    }
    const value = lookUp(inside, sources, (fault) => faults.push(fault));
    if (value === undefined || value === "") return "";
    inserted += value.length;
    if (inserted > maxCharacters) return "";
    pieces.push(value);
    return value;
  });
  if (inserted > maxCharacters) faults.push("the values of ${...} in this file are too long together");
  return faults.length === 0 ? { text, pieces } : { faults };
}

function lookUp(inside: string, { variable, secret }: Sources, refuse: (fault: string) => void): string | undefined {
  if (inside.startsWith("file:")) return readSecret(inside.slice("file:".length), secret, refuse);
  const [, name, fallback] = VARIABLE.exec(inside) ?? [];
  if (name === undefined) {
    refuse(`\${${inside}} is neither \${NAME}, \${NAME:-default} nor \${file:/path}`);
    return undefined;
  }
  const text = variable(name);
  if (text !== undefined && (text !== "" || fallback === undefined)) return text;
  if (fallback === undefined)
    refuse(`the environment variable ${name} is not set (with a default: \${${name}:-default})`);
  return fallback;
}

/** An empty file is one that another program is about to write: nothing may be configured with an empty secret. */
function readSecret(path: string, secret: Sources["secret"], refuse: (fault: string) => void): string | undefined {
  const text = secret(path, refuse)?.replace(/\r?\n$/, "");
  if (text === "") refuse(`the file ${path} is empty`);
  return text;
}
