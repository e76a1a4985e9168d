/**
 * Reads the files of sources of instances in Node's thread pool, as `config/file-operation` does it.
 *
 * One operation at a time, for all sources: one that finds no free thread would look like a file system that does not answer.
 */
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
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <Value>(operation: FileOperation<Value>, path: string): Promise<Value | undefined> => {
    const done = last.then(() => operation.on(path, DEVICE));
    last = done;
    return done;
  };
  return {
    list: (folder) => inTurn(folders, folder),
    version: (path) => inTurn(versions, path),
    async read(path) {
      const content = await inTurn(contents, path);
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
