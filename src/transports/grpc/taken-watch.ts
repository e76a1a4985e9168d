/**
 * A Watch on an engine that may not learn of the end of a call: on a server of the application.
 *
 * Some calls have no end. grpc-js starts the handler after the deadline of the call, and never emits `cancelled` then
 * (docs/known-faults.md 1.1). Node keeps a stream after some errors (0.1). Such a call never takes a message, so its Watch
 * is closed after TAKE_MS. A client that is only slow gets UNAVAILABLE after the message, and watches again.
 */
import type { Clock } from "../../core/clock.js";
import type { StreamCall } from "./engine.js";
import type { HealthService } from "./health-service.js";

/** Milliseconds for a client to take a message of a Watch. Clients keep 64 KiB of room for messages of 7 bytes. */
const TAKE_MS = 40_000;

/** Opens a Watch. The returned function must be called at the end of the call, if the engine learns of it. */
export function openTakenWatch(
  call: StreamCall,
  request: Uint8Array,
  { service, clock }: { readonly service: HealthService; readonly clock: Clock },
): () => void {
  let cancelTimer = () => {};
  const giveUp = () => {
    close();
    call.end("UNAVAILABLE", "the client did not take a message in time");
  };
  const close = service.watch(request, {
    send(message, onSent) {
      cancelTimer();
      cancelTimer = clock.setTimer(TAKE_MS, giveUp);
      call.send(message, () => {
        cancelTimer();
        onSent();
      });
    },
    end(code, text) {
      cancelTimer();
      call.end(code, text);
    },
  });
  return () => {
    cancelTimer();
    close();
  };
}
