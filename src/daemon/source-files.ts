/** Reads the files of sources of instances in Node's thread pool, as `config/file-operation` does it. */
import { readdir, stat } from "node:fs/promises";
import { FileOperation, type FileThreads } from "../config/file-operation.js";
import { ABSENT, identityOf, readRegularFile } from "../config/read-file.js";
import type { Clock } from "../core/clock.js";
import type { SourceFiles } from "../instances/file-source.js";

const MAX_BYTES = 16_777_216;

/** All sources are on one device for the threads that they may occupy. */
const DEVICE = "instances";

export function sourceFiles(threads: FileThreads, clock: Clock): SourceFiles {
  const folders = new FileOperation(list, threads, clock);
  const versions = new FileOperation(
    (path) => stat(path, { bigint: true }).then(identityOf, () => ABSENT),
    threads,
    clock,
  );
  const contents = new FileOperation((path) => readRegularFile(path, MAX_BYTES), threads, clock);
  return {
    list: (folder) => folders.on(folder, DEVICE),
    version: (path) => versions.on(path, DEVICE),
    async read(path) {
      const content = await contents.on(path, DEVICE);
      if (content === undefined) return undefined;
      const { identity: version } = content;
      return "text" in content ? { version, text: content.text } : { version, fault: content.fault };
    },
  };
}

async function list(folder: string): Promise<readonly string[] | { readonly fault: string }> {
  try {
    return await readdir(folder);
  } catch (error) {
    return { fault: `cannot list this folder (${Object(error).code})` };
  }
}
