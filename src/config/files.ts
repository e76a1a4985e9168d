/**
 * The files that a configuration names, read once each; and a warning for a secret that everybody on the machine can read.
 */
import { readFileSync, statSync } from "node:fs";

/** Reads files, and remembers what was unwise about them. */
export interface Files {
  readonly warnings: readonly string[];
  /** A file's text; with `blame` told why, `undefined`. */
  text(file: string, blame: (fault: string) => void): string | undefined;
  /** The same for a secret. */
  secret(file: string, blame: (fault: string) => void): string | undefined;
}

/** Everybody may read it. */
const READABLE_BY_ALL = 0o004;

/** The files of this machine. */
export function createFiles(): Files {
  const warnings: string[] = [];
  const text = (file: string, blame: (fault: string) => void): string | undefined => {
    try {
      return readFileSync(file, "utf8");
    } catch (error) {
      blame(`cannot read the file ${file} (${codeOf(error)})`);
      return undefined;
    }
  };
  return {
    warnings,
    text,
    secret(file, blame) {
      const found = text(file, blame);
      if (found !== undefined && (statSync(file).mode & READABLE_BY_ALL) !== 0)
        warnings.push(`${file} holds a secret and everybody on this machine can read it; try: chmod o-r ${file}`);
      return found;
    },
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
