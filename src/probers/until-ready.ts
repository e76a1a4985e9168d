/** Waits for a connection to be there. */
import type { Socket } from "node:net";
import { BrokenCall } from "../client/broken-call.js";

/**
 * Resolves with the event that says so. Rejects with the socket's error, with BrokenCall `cancelled` when the signal is
 * aborted, and with BrokenCall `closed` when the connection ends before. Later errors of the socket are heard and
 * dropped: unheard, they would end the process.
 */
export function untilReady(socket: Socket, ready: "connect" | "secureConnect", signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new BrokenCall("cancelled", "the deadline is over"));
    socket.once(ready, () => resolve());
    socket.on("error", reject);
    socket.once("close", () => {
      signal.removeEventListener("abort", onAbort);
      reject(new BrokenCall("closed", "the connection ended before it was there"));
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
