/**
 * Watches the content of a file.
 *
 * The folder is watched instead of the file, because editors and Kubernetes replace the file (a ConfigMap swaps a symlink
 * beside it). An event of the kernel is only a reason to read the file: the content decides. Network file systems send no
 * events, so the file is also read every ten seconds.
 */
import { createHash } from "node:crypto";
import { type FSWatcher, readFileSync, watch } from "node:fs";
import { dirname } from "node:path";
import type { CancelTimer, Clock } from "../core/clock.js";

/** Time for a writer to finish after the first event. */
const SETTLE_MS = 100;

const POLL_MS = 10_000;

/** Calls `onChange` when the content of `file` changes. Returns a function that stops watching. */
export function watchFile(file: string, clock: Clock, onChange: () => void): () => void {
  let digest = digestOf(file);
  let cancel: CancelTimer = () => {};
  let watcher: FSWatcher | undefined;
  const poll = () => {
    cancel = clock.setTimer(POLL_MS, poll);
    const now = digestOf(file);
    if (now === undefined || now === digest) return; // a missing file is probably being replaced
    digest = now;
    onChange();
  };
  const pollSoon = () => {
    cancel();
    cancel = clock.setTimer(SETTLE_MS, poll);
  };
  try {
    watcher = watch(dirname(file), { persistent: false }, pollSoon);
    watcher.on("error", () => watcher?.close()); // the folder is gone, or the kernel has no watches left: polling continues
  } catch {
    // no watches left: polling continues
  }
  cancel = clock.setTimer(POLL_MS, poll);
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
