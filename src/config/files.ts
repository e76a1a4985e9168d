/**
 * The files that a configuration names. Each is read once, and all together are bounded: 10,000 keys may name 10,000 files.
 *
 * What was read is kept: when one file has changed and cannot be used, the previous content stays in use. A warning is given for
 * a secret that every user of the machine can read.
 */
import { ABSENT, type FileContent, readRegularFileSync } from "./read-file.js";

/** What a file is for. A label of `healthbridge_file_reload_failures_total`. */
export type FileKind = "certificate" | "key" | "ca" | "client_ca" | "token" | "secret";

/** A file that a configuration names, with what was read. */
export interface NamedFile {
  readonly path: string;
  readonly kind: FileKind;
  readonly content: FileContent;
  /** The keys of a certificate: they change together. */
  readonly partners: readonly string[];
}

/** Calls `refuse` with the reason, and returns `undefined`, for a file that cannot be read. */
type ReadFile = (file: string, kind: FileKind, refuse: (fault: string) => void) => string | undefined;

/** Reads files, and collects the warnings about them. */
export interface Files {
  readonly warnings: readonly string[];
  readonly read: ReadFile;
  /** Says that a certificate and a key belong together. */
  readonly pair: (certFile: string, keyFile: string) => void;
  /** Every file that was read, in this order. */
  readonly named: readonly NamedFile[];
}

/** Contents by path that are used instead of those on the disk. */
export type KnownContents = ReadonlyMap<string, FileContent>;

/** The length of all files together. */
const MAX_CHARACTERS = 16_777_216;

const SECRETS: ReadonlySet<FileKind> = new Set(["key", "token", "secret"]);

const NO_CONTENTS: ReadonlyMap<string, FileContent> = new Map();

export function createFiles(known: KnownContents = NO_CONTENTS): Files {
  const warnings = new Set<string>();
  const files = new Map<string, { kind: FileKind; content: FileContent; partners: string[] }>();
  let total = 0;
  const contentOf = (path: string, kind: FileKind): FileContent => {
    const file = files.get(path);
    if (file !== undefined) return file.content;
    const content = known.get(path) ?? (total > MAX_CHARACTERS ? TOO_MANY : readRegularFileSync(path));
    if ("text" in content) total += content.text.length;
    files.set(path, { kind, content, partners: [] });
    return content;
  };
  return {
    get warnings() {
      return [...warnings];
    },
    get named() {
      return [...files].map(([path, file]) => ({ path, ...file }));
    },
    read(path, kind, refuse) {
      const content = contentOf(path, kind);
      if (!("text" in content)) {
        refuse(`cannot read the file ${path}${content.fault}`);
        return undefined;
      }
      if (content.isReadableByAll && SECRETS.has(kind))
        warnings.add(`${path} contains a secret, and every user of this machine can read it; try: chmod o-r ${path}`);
      return content.text;
    },
    pair(certFile, keyFile) {
      const file = files.get(certFile);
      if (file !== undefined && keyFile !== certFile) file.partners.push(keyFile);
    },
  };
}

const TOO_MANY: Readonly<FileContent> = {
  fault: `: the files that the configuration names have more than ${MAX_CHARACTERS} characters together`,
  identity: ABSENT,
};

/** `undefined` for a file that cannot be used. */
export function textOf(content: FileContent): string | undefined {
  return "text" in content ? content.text : undefined;
}
