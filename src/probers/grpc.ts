/**
 * `grpc://host:port/service`, `grpcs://` and `grpc+unix://`: passes when the target's own health service reports SERVING.
 * Of `grpc+unix://%2Frun%2Fx.sock/service`, the host is the path of a Unix socket, percent-encoded.
 *
 * Each probe is a Check, because an open Watch says nothing about a target that hangs: its last SERVING would stay for
 * ever. Beside it a Watch is kept open where the target has one. A change on it is a reason to probe at once, so that it
 * is seen in milliseconds; the Check decides.
 */
import type { TargetAddress } from "../client/connection-attempts.js";
import { type CheckAnswer, HealthStub, type ReportedStatus } from "../client/health-stub.js";
import { ReusedWatch } from "../client/reused-watch.js";
import type { ReasonCode } from "../core/reasons.js";
import { MAX_SERVICE_NAME_BYTES } from "../core/service-name.js";
import { type ProberDeps, type ProberOptions, reuseOptionsOf } from "./options.js";
import { fail, PASS, type ProbeResult, type Prober, withCertificate } from "./prober.js";
import { resultOfError } from "./reasons.js";
import { decodePart, hostOf, invalidTarget, socketPathOf } from "./target.js";

/** A prober of a gRPC health service. It keeps one connection, unless `reuse` is false: then it has no Watch either. */
export function openGrpc(target: URL, deps: ProberDeps, options: ProberOptions): Prober {
  const { tls, authority, metadata } = options;
  const service = serviceOf(target);
  const client = new HealthStub({
    ...addressOf(target, deps),
    tls: target.protocol === "grpcs:" ? (tls ?? {}) : undefined,
    readBuffer: deps.readBuffer,
    authority,
    metadata,
    ...reuseOptionsOf(options, deps),
  });
  let watch: ReusedWatch | undefined;
  return {
    async probe({ timeoutMs }) {
      try {
        const answer = await client.check(service, { timeoutMs });
        deps.resolver.trace?.({ kind: "answered", text: "status" in answer ? answer.status : `gRPC ${answer.code}` });
        const result = resultOfAnswer(answer);
        if (result.outcome !== "fail") watch?.ensureOpen();
        return withCertificate(result, client.certificateEndsAt, deps.clock.wallTime(), tls?.warnBefore);
      } catch (error) {
        return resultOfError(error);
      }
    },
    cancel: () => client.cancel(),
    onChange(listener) {
      watch = new ReusedWatch(client, service, { clock: deps.clock, random: deps.random, onChange: listener });
    },
    close: () => client.close(),
  };
}

function addressOf(target: URL, { resolver }: ProberDeps): TargetAddress {
  if (target.protocol === "grpc+unix:")
    return { path: socketPathOf(target, "grpc+unix://%2Frun%2Fx.sock/service"), trace: resolver.trace };
  return { host: hostOf(target), port: Number(target.port), resolver };
}

/** The service that the path names, decoded once; `""` for the server as a whole. */
function serviceOf(target: URL): string {
  const service = decodePart(target, target.pathname.slice(1), "path, which is the name of the service,");
  if (Buffer.byteLength(service) <= MAX_SERVICE_NAME_BYTES) return service;
  throw invalidTarget(target.href, `a service name must have at most ${MAX_SERVICE_NAME_BYTES} bytes of UTF-8`);
}

const REASON_OF_STATUS: Readonly<Record<Exclude<ReportedStatus, "SERVING" | "unreadable">, ReasonCode>> = {
  NOT_SERVING: "not-serving",
  UNKNOWN: "unknown",
  SERVICE_UNKNOWN: "service-unknown",
};

const REASON_OF_CODE: Readonly<Record<string, ReasonCode>> = {
  NOT_FOUND: "service-unknown",
  UNIMPLEMENTED: "unimplemented",
  UNAVAILABLE: "unavailable",
  DEADLINE_EXCEEDED: "timeout",
};

function resultOfAnswer(answer: CheckAnswer): ProbeResult {
  if ("code" in answer) {
    if (answer.isGrpc === false) return fail("protocol", answer.text);
    return fail(REASON_OF_CODE[answer.code] ?? "grpc", `${answer.code}: ${answer.text}`);
  }
  if (answer.status === "SERVING") return PASS;
  if (answer.status === "unreadable") return fail("protocol", "the answer has no HealthCheckResponse that can be read");
  return fail(REASON_OF_STATUS[answer.status], `the target answered ${answer.status}`);
}
