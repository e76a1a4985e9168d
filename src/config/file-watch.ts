/**
 * Sees when a file's content changes, however it is changed.
 *
 * The folder is watched and not the file, since editors and Kubernetes put another file in its place (a ConfigMap swaps a
 * symlink beside it). What the kernel tells is only a reason to look: the content decides. Network file systems tell
 * nothing, so it is looked at every ten seconds as well.
 */
import { createHash } from "node:crypto";
import { type FSWatcher, readFileSync, watch } from "node:fs";
import { dirname } from "node:path";
import type { CancelTimer, Clock } from "../core/clock.js";

/** After the first sign of a change, writers have so long to finish. */
const SETTLE_MS = 100;

const LOOK_MS = 10_000;

/** Calls `onChange` when the content of `file` is another than before. Returns the way out. */
export function watchFile(file: string, clock: Clock, onChange: () => void): () => void {
  let digest = digestOf(file);
  let cancel: CancelTimer = () => {};
  let watcher: FSWatcher | undefined;
  const look = () => {
    cancel = clock.setTimer(LOOK_MS, look);
    const now = digestOf(file);
    if (now === undefined || now === digest) return; // a file that is away for a moment is being replaced
    digest = now;
    onChange();
  };
  const lookSoon = () => {
    cancel();
    cancel = clock.setTimer(SETTLE_MS, look);
  };
  try {
    watcher = watch(dirname(file), { persistent: false }, lookSoon);
    watcher.on("error", () => watcher?.close()); // the folder is gone, or the kernel has no watches left: looking goes on
  } catch {
    // no watches left: looking goes on
  }
  cancel = clock.setTimer(LOOK_MS, look);
  return () => {
    cancel();
    watcher?.close();
  };
}

function digestOf(file: string): string | undefined {
  try {
    return createHash("sha256").update(readFileSync(file)).digest("hex");
  } catch {
    return undefined;
  }
}
