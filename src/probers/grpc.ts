/**
 * `grpc://host:port/service` and `grpcs://`: passes when the target's own health service says SERVING.
 *
 * Each probe asks Check, because an open Watch tells nothing of a target that hangs: its last SERVING would stand for
 * ever. Beside it a Watch is kept where the target has one; what it says is not believed but taken as a reason to look
 * at once, so that a change is seen in milliseconds. A Watch that ends is opened again after the next good probe;
 * UNIMPLEMENTED is final.
 */

import { hasStatus } from "../client/grpc-call.js";
import { type CheckAnswer, HealthClient } from "../client/health-client.js";
import type { WatchStatus } from "../core/serving-status.js";
import { fail, PASS, type ProbeResult, type Prober } from "./prober.js";
import { type ReasonCode, resultOfError } from "./reasons.js";
import { hostOf, invalidTarget } from "./target.js";

/** A prober of a gRPC health service. It keeps one connection. */
export function openGrpc(target: URL): Prober {
  const service = serviceOf(target);
  const client = new HealthClient({
    host: hostOf(target),
    port: Number(target.port),
    tls: target.protocol === "grpcs:",
  });
  let onChange: (() => void) | undefined;
  let watching = false;

  const keepWatch = () => {
    if (watching || onChange === undefined) return;
    let last: WatchStatus | "unreadable" | undefined;
    const stream = client.watch(service, {
      onStatus(status) {
        // the first message is what the probe has just seen
        if (last !== undefined && last !== status) onChange?.();
        last = status;
      },
      onEnd(end) {
        watching = hasStatus(end) && end.code === "UNIMPLEMENTED";
        // a target that leaves ends its watches first; a look will tell
        if (!watching) onChange?.();
      },
    });
    watching = stream !== undefined;
  };

  return {
    async probe(context) {
      try {
        const result = resultOfAnswer(await client.check(service, context));
        keepWatch();
        return result;
      } catch (error) {
        return resultOfError(error);
      }
    },
    onChange(listener) {
      onChange = listener;
    },
    close() {
      onChange = undefined;
      client.close();
    },
  };
}

/** The service that the path names, decoded once; `""` for the server as a whole. */
function serviceOf(target: URL): string {
  try {
    return decodeURIComponent(target.pathname.slice(1));
  } catch {
    throw invalidTarget(target.href, "the path is the service's name, and has a broken percent sign");
  }
}

const REASON_OF_STATUS: Readonly<Record<WatchStatus | "unreadable", ReasonCode>> = {
  SERVING: "pending", // never looked up
  NOT_SERVING: "not-serving",
  UNKNOWN: "unknown",
  SERVICE_UNKNOWN: "service-unknown",
  unreadable: "protocol",
};

const REASON_OF_CODE: Readonly<Record<string, ReasonCode>> = {
  NOT_FOUND: "service-unknown",
  UNIMPLEMENTED: "unimplemented",
  UNAVAILABLE: "unavailable",
  DEADLINE_EXCEEDED: "timeout",
};

function resultOfAnswer(answer: CheckAnswer): ProbeResult {
  if ("code" in answer) return fail(REASON_OF_CODE[answer.code] ?? "grpc", `${answer.code}: ${answer.text}`);
  if (answer.status === "SERVING") return PASS;
  return fail(REASON_OF_STATUS[answer.status], `the target answered ${answer.status}`);
}
