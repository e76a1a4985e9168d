/**
 * Prevents two processes from using one folder, with a unix socket in it.
 *
 *     bind --in use--> connect --answered--> another process lives: refused
 *        |                 '----refused----> left behind by a crash: removed, bind again
 *        '--> held until `release`, or until the process ends in any way
 *
 * The kernel closes the socket of a process that crashes. A file with a process ID would be wrong when another process
 * gets the same ID. It works between containers that share a folder, too.
 */
import { lstat, open, unlink } from "node:fs/promises";
import { createConnection, createServer, type Server } from "node:net";
import { join } from "node:path";

/** A folder that no other process holds. */
export interface FolderLock {
  /** Whether this process still holds the lock. It does not when the folder or the socket in it was removed. */
  isHeld(): Promise<boolean>;
  release(): Promise<void>;
}

const LOCK_FILE = "lock";

/** The path of a unix socket has at most 107 bytes on Linux and 103 elsewhere. */
const MAX_SOCKET_PATH_BYTES = 103;

/** A folder with a long path is reached through its descriptor (Linux). */
const DESCRIPTORS = "/proc/self/fd";

const MAX_ATTEMPTS = 5;

/**
 * Locks a folder.
 * @returns `undefined` when another process holds it; rejects with the error of the system when it cannot be locked
 */
export async function lockFolder(folder: string): Promise<FolderLock | undefined> {
  const path = join(folder, LOCK_FILE);
  const handle = Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES ? await open(folder, "r") : undefined;
  try {
    const socketPath = handle === undefined ? path : join(DESCRIPTORS, String(handle.fd), LOCK_FILE);
    const server = await bindSocket(socketPath);
    if (server === undefined) {
      await handle?.close();
      return undefined;
    }
    const { ino } = await lstat(path);
    return {
      isHeld: async () => (await lstat(path).catch(() => undefined))?.ino === ino,
      async release() {
        await new Promise((resolve) => void server.close(resolve)); // removes the socket by its path
        await handle?.close();
      },
    };
  } catch (error) {
    await handle?.close();
    throw error;
  }
}

async function bindSocket(path: string): Promise<Server | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await listen(path);
    } catch (error) {
      if (codeOf(error) !== "EADDRINUSE" || attempt === MAX_ATTEMPTS) throw error;
    }
    if (await isAnswered(path)) return undefined;
    await removeSocket(path);
  }
}

async function removeSocket(path: string): Promise<void> {
  try {
    const stats = await lstat(path);
    if (!stats.isSocket()) throw Object.assign(new Error(`${LOCK_FILE} is not a socket`), { code: "EEXIST" });
    await unlink(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error; // another process has removed it
  }
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      server.on("error", () => {}); // no free descriptor for a process that asks: it is answered by the kernel
      server.unref();
      resolve(server);
    });
  });
}

/** Whether a process listens. One that is stopped, or too busy to accept, does. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => resolve(!["ECONNREFUSED", "ENOENT"].includes(codeOf(error))));
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
