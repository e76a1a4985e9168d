/**
 * `tls://host:port`: passes when the TLS handshake succeeds and the certificate is valid: its path, its name, its time.
 *
 *     TLS 1.2   connect --> handshake, with the target's verdict on our certificate --> pass
 *     TLS 1.3   connect --> handshake --> session ticket, data, or quiet --> pass
 *                               '-------> alert or close: the target has refused our certificate
 *
 * Each probe makes a connection and ends it. A `dialogue` follows the handshake.
 */
import { tlsOptions } from "../client/tls-options.js";
import { isOlder, tlsProtocol } from "../core/tls-version.js";
import { openConversation } from "./conversation.js";
import { compileDialogue, refuseStartTls } from "./dialogue.js";
import type { ProberDeps, ProberOptions } from "./options.js";
import { fail, PASS, type Prober } from "./prober.js";
import { hostOf } from "./target.js";

/** A prober of a TLS port. A certificate that expires soon is a `warn`; the first of its path to expire counts. */
export function openTls(target: URL, deps: ProberDeps, { tls, expect, dialogue }: ProberOptions): Prober {
  const { clock, resolver, readBuffer } = deps;
  const host = hostOf(target);
  const minVersion = expect?.minVersion;
  const expected = minVersion === undefined ? undefined : tlsProtocol(["expect", "minVersion"], minVersion);
  if (dialogue !== undefined) refuseStartTls(dialogue, "tls");
  return openConversation({
    address: { host, port: Number(target.port), resolver, readBuffer, tls: tlsOptions(host, tls) },
    turns: dialogue === undefined ? [] : compileDialogue(dialogue),
    clock,
    warnBefore: tls?.warnBefore,
    evaluate: ({ tlsVersion = null }) => {
      if (expected === undefined || !isOlder(tlsVersion, expected)) return PASS;
      return fail("tls-version", `the target speaks ${tlsVersion}, expected TLS ${minVersion} or later`);
    },
  });
}
