/**
 * `grpc://host:port/service` and `grpcs://`: passes when the target's own health service says SERVING.
 *
 * Each probe asks Check, because an open Watch tells nothing of a target that hangs: its last SERVING would stand for
 * ever. Beside it a Watch is kept where the target has one; what it says is not believed but taken as a reason to look
 * at once, so that a change is seen in milliseconds.
 */
import { type CheckAnswer, HealthClient, type ReportedStatus } from "../client/health-client.js";
import { ReusedWatch } from "../client/reused-watch.js";
import { MAX_SERVICE_NAME_BYTES } from "../core/service-name.js";
import { resultOfBreak } from "./broken.js";
import { withCertificate } from "./certificate.js";
import type { ProberDeps, ProberOptions } from "./options.js";
import { fail, PASS, type ProbeResult, type Prober } from "./prober.js";
import type { ReasonCode } from "./reasons.js";
import { hostOf, invalidTarget } from "./target.js";

/** A prober of a gRPC health service. It keeps one connection. */
export function openGrpc(target: URL, deps: ProberDeps, { tls }: ProberOptions): Prober {
  const service = serviceOf(target);
  const client = new HealthClient({
    host: hostOf(target),
    port: Number(target.port),
    tls: target.protocol === "grpcs:" ? (tls ?? {}) : undefined,
    resolver: deps.resolver,
  });
  let watch: ReusedWatch | undefined;
  return {
    async probe(context) {
      try {
        const result = resultOfAnswer(await client.check(service, context));
        if (result.outcome !== "fail") watch?.keep();
        return withCertificate(result, client.certificateEndsAt, deps.clock.wallTime(), tls?.warnBeforeMs);
      } catch (error) {
        return resultOfBreak(error);
      }
    },
    onChange(listener) {
      watch = new ReusedWatch(client, service, { clock: deps.clock, random: deps.random, onNews: listener });
    },
    close() {
      client.close();
    },
  };
}

/** The service that the path names, decoded once; `""` for the server as a whole. */
function serviceOf(target: URL): string {
  let service: string;
  try {
    service = decodeURIComponent(target.pathname.slice(1));
  } catch (cause) {
    throw invalidTarget(target.href, "the path is the service's name, and has a broken percent sign", { cause });
  }
  if (Buffer.byteLength(service) <= MAX_SERVICE_NAME_BYTES) return service;
  throw invalidTarget(target.href, `a service's name has at most ${MAX_SERVICE_NAME_BYTES} bytes of UTF-8`);
}

const REASON_OF_STATUS: Readonly<Record<Exclude<ReportedStatus, "SERVING">, ReasonCode>> = {
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
