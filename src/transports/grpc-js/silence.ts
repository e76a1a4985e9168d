/**
 * Closes connections whose client is silent although it must answer PINGs.
 *
 * Node can end a session and leave its socket open, also when the client has closed its side. Then no keepalive watches it.
 */
import type { Socket } from "node:net";
import type { Clock } from "../../core/clock.js";

/** The part of the time after which a socket is looked at: a timer for each byte would cost more than the connection. */
const STEPS = 4;

/** Destroys the socket once no byte has come for `silenceMs`: at the latest a quarter of that time later. */
export function closeWhenSilent(socket: Socket, silenceMs: number, clock: Clock): void {
  let { bytesRead } = socket;
  let silentSteps = 0;
  let cancel = () => {};
  const wait = () => {
    cancel = clock.setTimer(silenceMs / STEPS, check);
  };
  const check = () => {
    silentSteps = socket.bytesRead === bytesRead ? silentSteps + 1 : 0;
    ({ bytesRead } = socket);
    if (silentSteps === STEPS) socket.destroy();
    else wait();
  };
  wait();
  socket.once("close", () => cancel());
}
