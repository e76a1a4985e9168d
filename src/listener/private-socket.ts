/**
 * A unix socket that no other user can connect to, at any moment.
 *
 *     new folder, mode 0700 --> bind in it --> chmod 0600 --> link to the path --> remove the folder
 *                                                                | a file is there
 *                                                                +--> answers, or is no socket: refused
 *                                                                '--> left behind by a dead process: removed, link again
 *
 * A socket has the mode of the umask from `bind` until `chmod`. In the folder, no other user can reach it meanwhile. The
 * umask itself stays as it is: it belongs to the whole process, and other threads create files at the same time.
 */
import { chmod, link, lstat, mkdtemp, rename, rm, unlink } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { dirname, join } from "node:path";
import { HealthError } from "../core/health-error.js";

/** The owner alone may connect: that needs the right to write. */
const MODE = 0o600;

/** The start of a temporary name. `privatePathFault` includes it in the length of the path. */
const PREFIX = ".hb-";

const MAX_ATTEMPTS = 5;

/**
 * Starts listening at a path. A socket that a dead process has left there is replaced. Returns a function that removes the
 * file, if it is still this one; the server must be closed separately.
 * @throws HealthError LISTEN_FAILED, naming the path; the server is closed then
 */
export async function bindPrivately(server: Server, path: string): Promise<() => Promise<void>> {
  let folder: string | undefined;
  try {
    folder = await mkdtemp(join(dirname(path), PREFIX));
    const inner = join(folder, "s");
    await listen(server, inner);
    await chmod(inner, MODE);
    const { ino } = await lstat(inner);
    await place(inner, path, join(folder, "old"));
    return async () => {
      const file = await lstat(path).catch(() => undefined);
      if (file?.ino === ino) await unlink(path);
    };
  } catch (cause) {
    server.close();
    if (cause instanceof HealthError) throw cause;
    throw failed(path, REASONS[codeOf(cause)] ?? "the operating system refused the address", cause);
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

/** Gives a bound socket its path. Of two processes that start at the same time, one gets it: `link` replaces nothing. */
async function place(inner: string, path: string, aside: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await link(inner, path);
    } catch (error) {
      if (codeOf(error) !== "EEXIST" || attempt === MAX_ATTEMPTS) throw error;
    }
    await removeAbandoned(path, aside);
  }
}

/** @throws HealthError LISTEN_FAILED for a file that is in use */
async function removeAbandoned(path: string, aside: string): Promise<void> {
  const file = await lstat(path).catch(() => undefined);
  if (file === undefined) return;
  if (!file.isSocket()) throw failed(path, "a file that is not a socket is there");
  if (await isAnswered(path)) throw inUse(path);
  try {
    await rename(path, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return; // another process has removed it
    throw error;
  }
  // between the two steps, another process may have put its own socket there: that one goes back
  const isLive = await isAnswered(aside);
  if (isLive) await link(aside, path).catch(() => {}); // of three at the same time, another may have it by now
  await unlink(aside);
  if (isLive) throw inUse(path);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Whether a process listens. One that is stopped, too busy to accept, or of another user does. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => resolve(!["ECONNREFUSED", "ENOENT"].includes(codeOf(error))));
  });
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "its folder cannot be written to",
  ENOENT: "its folder does not exist",
  ENOTDIR: "its folder does not exist",
  EROFS: "its folder is read-only",
};

function inUse(path: string): HealthError {
  return failed(path, "another process listens there; give each healthbridge its own path");
}

function failed(path: string, reason: string, cause?: unknown): HealthError {
  const code = cause === undefined ? "" : ` (${codeOf(cause)})`;
  return new HealthError("LISTEN_FAILED", `cannot listen on unix:${path}: ${reason}${code}`, { cause });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
