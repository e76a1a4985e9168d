/**
 * The files that a configuration names. Each is read once, and all together are bounded: 10,000 keys may name 10,000 files.
 *
 * A warning is given for a secret that every user of the machine can read.
 */
import { type FileContent, readRegularFile } from "./read-file.js";

/** Calls its argument with the reason, and returns `undefined`, for a file that cannot be read. */
type ReadFile = (file: string, refuse: (fault: string) => void) => string | undefined;

/** Reads files, and collects the warnings about them. */
export interface Files {
  readonly warnings: readonly string[];
  readonly text: ReadFile;
  /** The same for a secret. */
  readonly secret: ReadFile;
}

/** The length of all files together. */
const MAX_CHARACTERS = 16_777_216;

export function createFiles(): Files {
  const warnings = new Set<string>();
  const contents = new Map<string, FileContent>();
  let total = 0;
  const read = (file: string, refuse: (fault: string) => void) => {
    const content = contents.get(file) ?? (total > MAX_CHARACTERS ? TOO_MANY : readRegularFile(file));
    if (!contents.has(file) && "text" in content) total += content.text.length;
    contents.set(file, content);
    if ("text" in content) return content;
    refuse(`cannot read the file ${file}${content.fault}`);
    return undefined;
  };
  return {
    get warnings() {
      return [...warnings];
    },
    text: (file, refuse) => read(file, refuse)?.text,
    secret(file, refuse) {
      const content = read(file, refuse);
      if (content?.isReadableByAll === true)
        warnings.add(`${file} contains a secret, and every user of this machine can read it; try: chmod o-r ${file}`);
      return content?.text;
    },
  };
}

const TOO_MANY: Readonly<FileContent> = {
  fault: `: the files that the configuration names have more than ${MAX_CHARACTERS} characters together`,
};
