/**
 * Reads the files that a configuration names, and warns of a secret that every user of the machine can read.
 */
import { readFileSync, statSync } from "node:fs";

/** Calls its argument with the reason, and returns `undefined`, for a file that cannot be read. */
type ReadFile = (file: string, refuse: (fault: string) => void) => string | undefined;

/** Reads files, and collects the warnings about them. */
export interface Files {
  readonly warnings: readonly string[];
  readonly text: ReadFile;
  /** The same for a secret. */
  readonly secret: ReadFile;
}

/** The mode bit of a file that every user may read. */
const READABLE_BY_ALL = 0o004;

export function createFiles(): Files {
  const warnings: string[] = [];
  const text: ReadFile = (file, refuse) => {
    try {
      return readFileSync(file, "utf8");
    } catch (error) {
      refuse(`cannot read the file ${file} (${codeOf(error)})`);
      return undefined;
    }
  };
  return {
    warnings,
    text,
    secret(file, refuse) {
      const content = text(file, refuse);
      if (content !== undefined && (statSync(file).mode & READABLE_BY_ALL) !== 0)
        warnings.push(`${file} contains a secret, and every user of this machine can read it; try: chmod o-r ${file}`);
      return content;
    },
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
