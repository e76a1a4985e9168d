/**
 * `${NAME}` in a value: what stands outside of the file.
 *
 *     ${NAME}            an environment variable
 *     ${NAME:-default}   the same, with what to take when it isn't set or is empty
 *     ${file:/path}      the content of a file, without the line end that editors leave: for secrets
 *     $$                 a dollar
 *
 * What is taken is not read again: a secret with a dollar in it stays as it is.
 */

/** Where values come from. */
export interface Sources {
  /** The value of an environment variable. */
  readonly variable: (name: string) => string | undefined;
  /** The content of a file; where it can't be read, `blame` is told why. */
  readonly secret: (path: string, blame: (fault: string) => void) => string | undefined;
}

/** A value with what it names put in, or what is wrong with it. */
export type Substituted =
  | { readonly text: string /** What was put in, piece by piece. */; readonly pieces: readonly string[] }
  | { readonly faults: readonly string[] };

const REFERENCE = /\$(?:\$|\{([^{}]*)\}|)/g;
const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;

/** Puts in what a value names. Values without a dollar are left as they are. */
export function substitute(value: string, sources: Sources): Substituted {
  const faults: string[] = [];
  const pieces: string[] = [];
  const text = value.replace(REFERENCE, (whole, inside: string | undefined) => {
    if (whole === "$$") return "$";
    if (inside === undefined) {
      faults.push("a dollar starts ${NAME}; a dollar by itself is written $$");
      return "";
    }
    const found = find(inside, sources, (fault) => faults.push(fault));
    if (found !== undefined && found !== "") pieces.push(found);
    return found ?? "";
  });
  return faults.length === 0 ? { text, pieces } : { faults };
}

function find(inside: string, { variable, secret }: Sources, blame: (fault: string) => void): string | undefined {
  if (inside.startsWith("file:")) return secret(inside.slice("file:".length), blame)?.replace(/\r?\n$/, "");
  const [, name, fallback] = VARIABLE.exec(inside) ?? [];
  if (name === undefined) {
    blame(`\${${inside}} is neither \${NAME}, \${NAME:-default} nor \${file:/path}`);
    return undefined;
  }
  const text = variable(name);
  if (text !== undefined && (text !== "" || fallback === undefined)) return text;
  if (fallback === undefined)
    blame(`the environment variable ${name} is not set (a default is written \${${name}:-default})`);
  return fallback;
}
