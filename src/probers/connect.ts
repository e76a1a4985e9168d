/**
 * `tcp://host:port` and `unix:///path`: pass when a connection can be made and the dialogue succeeds, if there is one.
 *
 * Each probe makes a connection and ends it. `dialogue` covers protocols with a banner or a line of text in clear, such as
 * SSH, SMTP, memcached, NATS or ZooKeeper, without a client for each.
 */
import { tlsOptions } from "../client/tls-options.js";
import { OptionError } from "../core/option-error.js";
import { openConversation } from "./conversation.js";
import { compileDialogue, refuseStartTls, startsTls, type Turn } from "./dialogue.js";
import type { ProberDeps, ProberOptions } from "./options.js";
import type { Prober } from "./prober.js";
import { hostOf, socketPathOf } from "./target.js";

/** A prober of a TCP port. */
export function openTcp(target: URL, deps: ProberDeps, options: ProberOptions): Prober {
  const host = hostOf(target);
  const { resolver, readBuffer, clock } = deps;
  const turns = turnsOf(options);
  const isSecured = startsTls(options.dialogue);
  if (options.tls !== undefined && !isSecured) {
    const text = "has no effect without a step { startTls: ... }; for TLS from the first byte on use tls://";
    throw new OptionError(["tls"], text);
  }
  return openConversation({
    address: { host, port: Number(target.port), resolver, readBuffer, tls: undefined },
    turns,
    clock,
    ...(isSecured ? { startTls: tlsOptions(host, options.tls), warnBefore: options.tls?.warnBefore } : {}),
  });
}

/** A prober of a unix socket. */
export function openUnix(target: URL, { resolver, readBuffer, clock }: ProberDeps, options: ProberOptions): Prober {
  const path = socketPathOf(target, "unix:///run/service.sock");
  const turns = turnsOf(options);
  refuseStartTls(options.dialogue, "unix");
  return openConversation({ address: { path, trace: resolver.trace, readBuffer, tls: undefined }, turns, clock });
}

function turnsOf({ dialogue }: ProberOptions): readonly Turn[] {
  return dialogue === undefined ? [] : compileDialogue(dialogue);
}
