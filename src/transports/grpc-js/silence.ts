/**
 * Closes connections whose client is silent although it must answer PINGs.
 *
 * Node can end a session and leave its socket open, also when the client has closed its side. Then no keepalive watches it.
 */
import type { Socket } from "node:net";
import type { Clock } from "../../core/clock.js";

/** Destroys the socket once no byte has come for `silenceMs`: at the latest after twice that time. */
export function closeWhenSilent(socket: Socket, silenceMs: number, clock: Clock): void {
  let bytesRead = socket.bytesRead;
  const check = () => {
    if (socket.bytesRead === bytesRead) socket.destroy();
    else wait();
  };
  let cancel = () => {};
  const wait = () => {
    bytesRead = socket.bytesRead;
    cancel = clock.setTimer(silenceMs, check);
  };
  wait();
  socket.once("close", () => cancel());
}
