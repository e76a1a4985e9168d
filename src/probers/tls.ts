/**
 * `tls://host:port`: passes when the TLS handshake succeeds and the certificate is valid: its path, its name, its time.
 *
 *     TLS 1.2   connect --> handshake, with the target's verdict on our certificate --> pass
 *     TLS 1.3   connect --> handshake --> session ticket, data, or quiet --> pass
 *                               '-------> alert or close: the target has refused our certificate
 *
 * In TLS 1.3 the client finishes the handshake first (RFC 8446, section 2). A target that asks for a client certificate
 * refuses it afterwards. So the probe waits for a sign that the target has accepted: it sends a session ticket, or nothing for
 * twice the time of the handshake, and at least 100 ms. Each probe makes a connection and ends it.
 */
import type { Socket } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { BrokenCall } from "../client/broken-call.js";
import { connectTo } from "../client/connection-attempts.js";
import { tlsOptions } from "../client/tls-options.js";
import { traceTls } from "../client/trace.js";
import type { CancelTimer, Clock } from "../core/clock.js";
import { isOlder, tlsProtocol } from "../core/tls-version.js";
import { openConversation } from "./conversation.js";
import { compileDialogue, refuseStartTls } from "./dialogue.js";
import type { ProberDeps, ProberOptions } from "./options.js";
import { fail, PASS, type ProbeResult, type Prober, withCertificate } from "./prober.js";
import { resultOfError } from "./reasons.js";
import { hostOf } from "./target.js";

/** The least time without an alert after a handshake of TLS 1.3, for targets that send no session ticket. */
const MIN_QUIET_MS = 100;

/** The same after a ticket: some servers, Node among them, send tickets before they refuse the certificate. */
const AFTER_TICKET_MS = 20;

/** A prober of a TLS port. A certificate that expires soon is a `warn`; the first of its path to expire counts. */
export function openTls(target: URL, deps: ProberDeps, { tls, expect, dialogue }: ProberOptions): Prober {
  const { clock, resolver, readBuffer } = deps;
  const address = { host: hostOf(target), port: Number(target.port), resolver };
  const secure = tlsOptions(address.host, tls);
  const minVersion = expect?.minVersion;
  const expected = minVersion === undefined ? undefined : tlsProtocol("expect.minVersion", minVersion);
  const evaluate = (version: string | null): ProbeResult => {
    if (expected === undefined || !isOlder(version, expected)) return PASS;
    return fail("tls-version", `the target speaks ${version}, expected TLS ${minVersion} or later`);
  };
  if (dialogue !== undefined) {
    refuseStartTls(dialogue, "tls");
    return openConversation({
      address: { ...address, readBuffer, tls: secure },
      turns: compileDialogue(dialogue),
      clock,
      warnBeforeMs: tls?.warnBeforeMs,
      evaluate: ({ tlsVersion = null }) => evaluate(tlsVersion),
    });
  }
  return {
    async probe(context) {
      const deadline = clock.now() + context.timeoutMs;
      let tcp: Socket | undefined;
      let endsAt: number | undefined;
      try {
        ({ socket: tcp } = await connectTo(address, context.timeoutMs, context.signal));
        const socket = connect({ ...secure, socket: tcp });
        if (resolver.trace !== undefined) traceTls(socket, resolver.trace);
        tcp.on("error", (error) => socket.destroy(error)); // without a listener it would end the process
        socket.once("secureConnect", () => {
          endsAt = secure.certificateEndsAt(socket);
        });
        await untilAccepted(socket, context.signal, { clock, deadline });
        return withCertificate(evaluate(socket.getProtocol()), endsAt, clock.wallTime(), tls?.warnBeforeMs);
      } catch (error) {
        return withCertificate(resultOfError(error), endsAt, clock.wallTime());
      } finally {
        tcp?.destroy();
      }
    },
    close() {},
  };
}

/** Later errors of the socket are ignored: without a listener, they would end the process. */
function untilAccepted(
  socket: TLSSocket,
  signal: AbortSignal,
  { clock, deadline }: { readonly clock: Clock; readonly deadline: number },
): Promise<void> {
  const connectedAt = clock.now();
  let cancelQuiet: CancelTimer = () => {};
  return new Promise<void>((resolve, reject) => {
    const wait = (ms: number) => {
      cancelQuiet();
      cancelQuiet = clock.setTimer(Math.min(ms, Math.max(0, deadline - clock.now()) / 2), resolve);
    };
    const onAbort = () => reject(new BrokenCall("cancelled", "the deadline is over"));
    let phase = "before its TLS handshake was complete";
    socket.once("secureConnect", () => {
      if (socket.getProtocol() !== "TLSv1.3") return resolve();
      phase = "right after the TLS handshake";
      wait(Math.max(MIN_QUIET_MS, 2 * (clock.now() - connectedAt)));
      socket.on("session", () => wait(AFTER_TICKET_MS));
      socket.once("data", () => resolve());
    });
    socket.on("error", reject);
    socket.once("close", () => {
      signal.removeEventListener("abort", onAbort);
      reject(new BrokenCall("closed", `the target ended the connection ${phase}`));
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  }).finally(() => cancelQuiet());
}
