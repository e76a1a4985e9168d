/**
 * Reads a file within bounds: of size, and of time.
 *
 * A path in a configuration may name anything. `/dev/zero` never ends, a FIFO has no writer, and opening some devices has
 * an effect. So only regular files are read, and only up to `MAX_FILE_BYTES`. The type is checked before the file is
 * opened, and once more on the open file: it may have been replaced in between.
 *
 * A configuration also comes through a pipe: `-c -`, `-c /dev/stdin`, `-c <(command)`. A pipe is read to its end, or until
 * `MAX_PIPE_MS` have passed.
 *
 * A file is UTF-8 or, if it begins with a byte order mark that says so, UTF-16. Text in another encoding, such as
 * Windows-1252, would have other letters: it is refused at its first byte that is not UTF-8.
 */
import { isUtf8 } from "node:buffer";
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs";
import { open, stat } from "node:fs/promises";
import { type Clock, systemClock } from "../core/clock.js";

/** The size of the longest file that is read. */
export const MAX_FILE_BYTES = 1_048_576;

/** The time in which the writer of a pipe must be done. */
const MAX_PIPE_MS = 30_000;

/** Time between two reads of a pipe that is empty. */
const PIPE_POLL_MS = 5;

/** The mode bit of a file that every user may read. */
const READABLE_BY_ALL = 0o004n;

/** What was read, or the reason why nothing was. It follows the words `cannot read the file NAME`. */
export type FileContent =
  | {
      readonly text: string;
      readonly isReadableByAll: boolean;
      /** Of the version that was read: see `identityOf`. */
      readonly identity: string;
    }
  | {
      readonly fault: string;
      /** Of the version that cannot be used; with the error, where reading has failed and may succeed later. */
      readonly identity: string;
      /** The error of the system, such as EIO. Missing where the file itself cannot be used. */
      readonly code?: string;
    };

/** The identity of a file that is not there, or that cannot be looked at. */
export const ABSENT = "absent";

/** What distinguishes two versions of a file without reading it. No program can set the time of the last change (`ctime`). */
export function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(":");
}

/** The identity of the version that was read, without the error of the reading. */
export function versionOf({ identity }: FileContent): string {
  return identity.replace(/ .*$/, "");
}

/** Whether a path names an open descriptor of this process, such as a pipe from another program. */
export function isDescriptor(path: string): boolean {
  return /^(?:-|\/dev\/stdin|\/dev\/fd\/\d+|\/proc\/self\/fd\/\d+)$/.test(path);
}

/** Reads a regular file of at most `maxBytes`. It does not block this thread, and never rejects. */
export async function readRegularFile(path: string, maxBytes = MAX_FILE_BYTES): Promise<FileContent> {
  let version = ABSENT;
  try {
    const before = await stat(path, { bigint: true });
    version = identityOf(before);
    const type = otherType(before);
    if (type !== undefined) return refused(notRegular(type), version);
    const file = await open(path, OPEN_FLAGS);
    try {
      const stats = await file.stat({ bigint: true });
      version = identityOf(stats);
      const fault = faultOf(stats, maxBytes);
      if (fault !== undefined) return refused(fault, version);
      const bytes = await readAllOf(async (buffer) => (await file.read(buffer)).bytesRead, maxBytes);
      return contentOf(bytes, stats, maxBytes);
    } finally {
      await file.close();
    }
  } catch (error) {
    return unreadable(error, version);
  }
}

/** The same, and blocks this thread meanwhile. */
export function readRegularFileSync(path: string): FileContent {
  let version = ABSENT;
  try {
    const stats = statSync(path, { bigint: true });
    version = identityOf(stats);
    const type = otherType(stats);
    return type === undefined ? readOpened(path, undefined) : refused(notRegular(type), version);
  } catch (error) {
    return unreadable(error, version);
  }
}

/** Reads a file or pipe that is open in this process already. Blocks until its writer is done. */
export function readDescriptor(path: string, clock: Clock = systemClock): FileContent {
  try {
    return readOpened(path === "-" ? "/dev/stdin" : path, clock);
  } catch (error) {
    return unreadable(error, ABSENT);
  }
}

const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** @param clock limits the time of a pipe; `undefined`: a pipe is refused */
function readOpened(path: string, clock: Clock | undefined): FileContent {
  const file = openSync(path, OPEN_FLAGS);
  try {
    const stats = fstatSync(file, { bigint: true });
    if (stats.isFIFO() && clock !== undefined) {
      const bytes = readPipe(file, clock);
      return bytes === undefined ? refused(SLOW_PIPE, identityOf(stats)) : contentOf(bytes, stats);
    }
    const fault = faultOf(stats);
    if (fault !== undefined) return refused(fault, identityOf(stats));
    return contentOf(readAll((buffer) => readSync(file, buffer)) ?? Buffer.alloc(0), stats);
  } finally {
    closeSync(file);
  }
}

const SLOW_PIPE = `: its writer was not done within ${MAX_PIPE_MS / 1000} s`;

/** Why an open file is not read. */
function faultOf(stats: BigIntStats, maxBytes = MAX_FILE_BYTES): string | undefined {
  const type = otherType(stats);
  if (type !== undefined) return notRegular(type);
  return stats.size > maxBytes ? tooLong(`${stats.size}`, maxBytes) : undefined;
}

function contentOf(bytes: Buffer, stats: BigIntStats, maxBytes = MAX_FILE_BYTES): FileContent {
  const identity = identityOf(stats);
  if (bytes.length > maxBytes) return refused(tooLong(`more than ${maxBytes}`, maxBytes), identity);
  const decoded = decode(bytes);
  if ("fault" in decoded) return refused(decoded.fault, identity);
  return { ...decoded, isReadableByAll: (stats.mode & READABLE_BY_ALL) !== 0n, identity };
}

/** The next buffer to read into; `undefined` after one byte more than the limit: files of `/proc` have no size. */
function bufferAfter(total: number, maxBytes = MAX_FILE_BYTES): Buffer | undefined {
  return total > maxBytes ? undefined : Buffer.alloc(Math.min(65_536, maxBytes + 1 - total));
}

/** Reads to the end, or one byte more than the limit. `read` returns 0 at the end. */
function readAll(read: (buffer: Buffer) => number | undefined): Buffer | undefined {
  const chunks: Buffer[] = [];
  let total = 0;
  for (let chunk = bufferAfter(0); chunk !== undefined; chunk = bufferAfter(total)) {
    const count = read(chunk);
    if (count === undefined) return undefined;
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
    total += count;
  }
  return Buffer.concat(chunks);
}

/** The same, for a reading that does not block. */
async function readAllOf(read: (buffer: Buffer) => Promise<number>, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  for (let chunk = bufferAfter(0, maxBytes); chunk !== undefined; chunk = bufferAfter(total, maxBytes)) {
    const count = await read(chunk);
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
    total += count;
  }
  return Buffer.concat(chunks);
}

/** `undefined` when the writer was not done in time. */
function readPipe(file: number, clock: Clock): Buffer | undefined {
  const endsAt = clock.now() + MAX_PIPE_MS;
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  return readAll((buffer) => {
    while (clock.now() < endsAt) {
      try {
        return readSync(file, buffer);
      } catch (error) {
        if (codeOf(error) !== "EAGAIN") throw error;
        Atomics.wait(sleeper, 0, 0, PIPE_POLL_MS);
      }
    }
    return undefined;
  });
}

/** Editors on Windows write byte order marks, which are no part of the text. */
function decode(bytes: Buffer): { readonly text: string } | { readonly fault: string } {
  const utf16 = bytes.length % 2 === 0 ? UTF_16_MARKS[bytes.toString("hex", 0, 2)] : undefined;
  if (utf16 !== undefined) return { text: new TextDecoder(utf16).decode(bytes) };
  const text = bytes.toString("utf8").replace(/^\ufeff/, "");
  // DER begins with a SEQUENCE (0x30): the reader of certificates says what to do
  if (isUtf8(bytes) || bytes[0] === 0x30) return { text };
  const before = text.slice(0, text.indexOf("\ufffd"));
  const place = `line ${before.split("\n").length}, column ${before.length - before.lastIndexOf("\n")}`;
  return { fault: `: it is not UTF-8 text (${place}); save it as UTF-8` };
}

/** Bytes of a mark in hexadecimal. */
const UTF_16_MARKS: Readonly<Record<string, string>> = { fffe: "utf-16le", feff: "utf-16be" };

function otherType(stats: BigIntStats): string | undefined {
  if (stats.isFile()) return undefined;
  if (stats.isDirectory()) return "a directory";
  if (stats.isFIFO()) return "a named pipe (FIFO)";
  return stats.isSocket() ? "a socket" : "a device";
}

function notRegular(type: string): string {
  return `: it is ${type}, not a regular file`;
}

function tooLong(size: string, maxBytes: number): string {
  return `: it has ${size} bytes; the limit is ${maxBytes}`;
}

function refused(fault: string, identity: string): FileContent {
  return { fault, identity };
}

function unreadable(error: unknown, version: string): FileContent {
  const code = codeOf(error);
  const words = code === "ENOENT" ? ": not found" : code === "EACCES" ? ": permission denied" : "";
  return { fault: `${words} (${code})`, identity: `${version} ${code}`, code };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
