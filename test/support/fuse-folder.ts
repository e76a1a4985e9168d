/**
 * A file system in user space whose files answer, fail, or hang: a network mount whose server is gone. Needs root.
 *
 *     process --read--> kernel --/dev/fuse--> FuseFolder: the text, an error, or no answer
 *
 * Source: https://www.kernel.org/doc/html/latest/filesystems/fuse/fuse.html, and include/uapi/linux/fuse.h for the structures.
 */
import { spawnSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, read, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** How a file answers: with its text, with an error (such as 5 for EIO), or not at all. */
export type FuseState = "answers" | "hangs" | number;

interface FuseFile {
  text: string;
  state: FuseState;
  /** Seconds since 1970. */
  changedAt: number;
}

const LOOKUP = 1;
const GETATTR = 3;
const OPEN = 14;
const READ = 15;
const INIT = 26;
const INTERRUPT = 36;
const EMPTY_ANSWERS: ReadonlySet<number> = new Set([18, 25, 29]); // RELEASE, FLUSH, RELEASEDIR

const NO_ANSWERS: ReadonlySet<number> = new Set([2, 42]); // FORGET, BATCH_FORGET

const ENOENT = 2;
const EINTR = 4;
const ENOSYS = 38;
const FOLDER_MODE = 0o040755;
const FILE_MODE = 0o100600;

interface Request {
  readonly opcode: number;
  readonly unique: bigint;
  readonly node: number;
  readonly body: Buffer;
}

export class FuseFolder {
  readonly path = mkdtempSync(join(tmpdir(), "healthbridge-fuse-"));
  readonly #device = openSync("/dev/fuse", constants.O_RDWR);
  /** A file's node is its place in this list, and 2 more. */
  readonly #files: (FuseFile & { readonly name: string })[] = [];
  #unanswered: Request[] = [];
  #isClosed = false;

  constructor(t: TestContext) {
    const options = "fd=3,rootmode=40000,user_id=0,group_id=0";
    const stdio = ["ignore", "inherit", "inherit", this.#device] as const;
    const { status } = spawnSync("mount", ["-i", "-t", "fuse", "-o", options, "test", this.path], {
      stdio: [...stdio],
    });
    t.after(() => this.#close());
    if (status !== 0) throw new Error("mount has failed: FUSE needs root and /dev/fuse");
    this.#receive();
  }

  /** Writes a file, and says how it answers from now on. */
  put(name: string, text: string, state: FuseState = "answers"): string {
    const file = { name, text, state, changedAt: Math.floor(Date.now() / 1_000) };
    const index = this.#files.findIndex((each) => each.name === name);
    if (index < 0) this.#files.push(file);
    else this.#files[index] = file;
    return join(this.path, name);
  }

  /** The file itself does not change. Requests that hang are answered. */
  setState(name: string, state: FuseState): void {
    for (const file of this.#files) if (file.name === name) file.state = state;
    for (const request of this.#unanswered.splice(0)) this.#answer(request);
  }

  #close(): void {
    this.#isClosed = true;
    spawnSync("umount", ["-l", this.path]);
    closeSync(this.#device); // requests that hang fail
    rmSync(this.path, { recursive: true, force: true });
  }

  #receive(): void {
    read(this.#device, Buffer.alloc(262_144), 0, 262_144, null, (error, length, buffer) => {
      if (this.#isClosed || (error !== null && error.code !== "EINTR" && error.code !== "EAGAIN")) return;
      if (error === null)
        this.#answer({
          opcode: buffer.readUInt32LE(4),
          unique: buffer.readBigUInt64LE(8),
          node: Number(buffer.readBigUInt64LE(16)),
          body: Buffer.from(buffer.subarray(40, length)),
        });
      this.#receive();
    });
  }

  #answer(request: Request): void {
    const { opcode, node, body } = request;
    const file = this.#files[node - 2];
    switch (opcode) {
      case INIT:
        this.#reply(request, initOut(body));
        break;
      case LOOKUP:
        this.#answerLookup(request);
        break;
      case GETATTR:
        this.#reply(request, Buffer.concat([Buffer.alloc(16), attributes(node, file)]));
        break;
      case OPEN:
        this.#reply(request, openOut());
        break;
      case READ:
        if (file?.state === "hangs") this.#unanswered.push(request);
        else if (typeof file?.state === "number") this.#fail(request, file.state);
        else this.#reply(request, Buffer.from(file?.text ?? "").subarray(Number(body.readBigUInt64LE(8))));
        break;
      case INTERRUPT:
        this.#interrupt(body.readBigUInt64LE(0));
        break;
      default:
        if (EMPTY_ANSWERS.has(opcode)) this.#reply(request, Buffer.alloc(0));
        else if (!NO_ANSWERS.has(opcode)) this.#fail(request, ENOSYS);
    }
  }

  /** The process is killed. */
  #interrupt(unique: bigint): void {
    for (const request of this.#unanswered) if (request.unique === unique) this.#fail(request, EINTR);
    this.#unanswered = this.#unanswered.filter((request) => request.unique !== unique);
  }

  #answerLookup(request: Request): void {
    const name = request.body.toString("utf8", 0, request.body.length - 1);
    const index = this.#files.findIndex((each) => each.name === name);
    const file = this.#files[index];
    if (file === undefined) this.#fail(request, ENOENT);
    else this.#reply(request, entryOut(index + 2, file));
  }

  #fail(request: Request, code: number): void {
    this.#write(request, -code, Buffer.alloc(0));
  }

  #reply(request: Request, body: Buffer): void {
    this.#write(request, 0, body);
  }

  #write({ unique }: Request, error: number, body: Buffer): void {
    const head = Buffer.alloc(16);
    head.writeUInt32LE(16 + body.length, 0);
    head.writeInt32LE(error, 4);
    head.writeBigUInt64LE(unique, 8);
    try {
      writeSync(this.#device, Buffer.concat([head, body]));
    } catch {
      // the request was interrupted
    }
  }
}

function initOut(body: Buffer): Buffer {
  const out = Buffer.alloc(64);
  out.writeUInt32LE(7, 0);
  out.writeUInt32LE(Math.min(31, body.readUInt32LE(4)), 4);
  out.writeUInt32LE(131_072, 20); // max_write
  return out;
}

/** Nothing is cached. */
function entryOut(node: number, file: FuseFile): Buffer {
  const out = Buffer.alloc(40);
  out.writeBigUInt64LE(BigInt(node), 0);
  return Buffer.concat([out, attributes(node, file)]);
}

function openOut(): Buffer {
  const out = Buffer.alloc(16);
  out.writeUInt32LE(1, 8); // FOPEN_DIRECT_IO
  return out;
}

/** The folder without a file. */
function attributes(node: number, file: FuseFile | undefined): Buffer {
  const out = Buffer.alloc(88);
  const changedAt = BigInt(file?.changedAt ?? 1);
  out.writeBigUInt64LE(BigInt(node), 0);
  out.writeBigUInt64LE(BigInt(Buffer.byteLength(file?.text ?? "")), 8);
  for (const at of [24, 32, 40]) out.writeBigUInt64LE(changedAt, at);
  out.writeUInt32LE(file === undefined ? FOLDER_MODE : FILE_MODE, 60);
  out.writeUInt32LE(1, 64);
  out.writeUInt32LE(4_096, 80);
  return out;
}
