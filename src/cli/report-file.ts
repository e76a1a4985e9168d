/**
 * A file that a command writes at its end, such as that of `--junit`.
 *
 *     open  --> refused: a folder that does not exist, a directory, no right to write
 *     write --> the former content is replaced
 *     close --> a file that was created and not written is removed
 *
 * It is opened before the work of the command, which would be lost if its report could not be written.
 */
import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { messageOf } from "../core/health-error.js";
import { shownArgument, UsageError } from "./flags.js";

/** Opening a FIFO without a reader fails instead of waiting for one. */
const OPEN_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOCTTY;

const NOT_REGULAR = "it is a named pipe or a socket, not a regular file";

export class ReportFile {
  readonly #flag: string;
  readonly #path: string;
  readonly #handle: FileHandle;
  /** Created, and without content. */
  #isNew: boolean;

  private constructor(flag: string, path: string, file: { readonly handle: FileHandle; readonly isNew: boolean }) {
    this.#flag = flag;
    this.#path = path;
    this.#handle = file.handle;
    this.#isNew = file.isNew;
  }

  /** @throws UsageError that names the flag and the file */
  static async open(flag: string, path: string): Promise<ReportFile> {
    try {
      const file = await openOrCreate(path);
      const report = new ReportFile(flag, path, file);
      const stats = await file.handle.stat();
      if (stats.isFile() || stats.isCharacterDevice()) return report;
      await report.close();
    } catch (error) {
      throw cannotWrite(flag, path, error);
    }
    throw cannotWrite(flag, path, new Error(NOT_REGULAR));
  }

  /** @throws UsageError */
  async write(text: string): Promise<void> {
    try {
      if ((await this.#handle.stat()).isFile()) await this.#handle.truncate();
      await this.#handle.writeFile(text);
      this.#isNew = false;
    } catch (error) {
      throw cannotWrite(this.#flag, this.#path, error);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
    if (this.#isNew) await unlink(this.#path);
  }
}

async function openOrCreate(path: string): Promise<{ readonly handle: FileHandle; readonly isNew: boolean }> {
  try {
    return { handle: await open(path, OPEN_FLAGS | constants.O_EXCL, 0o666), isNew: true };
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    return { handle: await open(path, OPEN_FLAGS), isNew: false };
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Why a file cannot be opened, for errors whose text does not say what would be right. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "its folder does not exist",
  ENOTDIR: "its folder does not exist",
  EISDIR: "it is a directory",
  ENXIO: NOT_REGULAR,
  EACCES: "permission denied",
  EROFS: "its file system is read-only",
};

function cannotWrite(flag: string, path: string, error: unknown): UsageError {
  const code = codeOf(error);
  const why = code in REASONS ? `${REASONS[code]} (${code})` : messageOf(error);
  return new UsageError(`--${flag}: cannot write the file ${shownArgument(path)}: ${why}`);
}
