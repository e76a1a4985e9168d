/**
 * A sampler for OpenTelemetry that drops the spans of `grpc.health.v1.Health`, of servers and of clients.
 *
 * The instrumentation of grpc-js has the option `ignoreGrpcMethods`, which sees the last part of a path only: `Check` would
 * also ignore `acme.Orders/Check`. A sampler sees the name of the span, which has the whole path. Instrumentations write it
 * in several ways:
 *
 *     grpc.grpc.health.v1.Health/Check    instrumentation-grpc
 *     grpc.health.v1.Health/Check         the semantic conventions, also as the attribute rpc.method
 *     /grpc.health.v1.Health/Check        other tracers
 *
 * https://opentelemetry.io/docs/specs/semconv/rpc/
 */
import { HealthError } from "../core/health-error.js";
import { HEALTH_SERVICE } from "../wire/health-messages.js";

/** The arguments of `shouldSample`, as far as they are used. */
type SamplerArguments = readonly [
  context: never,
  traceId: string,
  spanName: string,
  spanKind: never,
  attributes: Readonly<Record<string, unknown>>,
  ...rest: readonly never[],
];

/** A sampler of OpenTelemetry. Its types are not imported. */
export interface SpanSampler<Arguments extends SamplerArguments, Result> {
  shouldSample(...args: Arguments): Result;
  toString(): string;
}

/** The span is not recorded: `SamplingDecision.NOT_RECORD` of OpenTelemetry's SDK. */
const DROP = { decision: 0 } as const;

const METHOD_PATH = new RegExp(`^(?:grpc\\.|/)?${HEALTH_SERVICE.replaceAll(".", "\\.")}/[A-Za-z]+$`);

/**
 * A sampler that drops the spans of the gRPC health service, and asks `delegate` about all others. Make it the outermost
 * one: a parent-based sampler would follow the decision of the client.
 * @throws HealthError INVALID_OPTION
 */
export function healthSampler<Arguments extends SamplerArguments, Result>(
  delegate: SpanSampler<Arguments, Result>,
): SpanSampler<Arguments, Result | typeof DROP> {
  if (typeof delegate?.shouldSample !== "function")
    throw new HealthError("INVALID_OPTION", "healthSampler: expected a sampler of OpenTelemetry");
  return {
    shouldSample: (...args) => {
      const [, , spanName, , attributes] = args;
      return isHealthSpan(spanName, attributes) ? DROP : delegate.shouldSample(...args);
    },
    toString: () => `HealthSampler{${String(delegate)}}`,
  };
}

/** Some callers give no attributes. */
function isHealthSpan(name: string, attributes: Readonly<Record<string, unknown>> | null | undefined): boolean {
  const { "rpc.service": service, "rpc.method": method } = attributes ?? {};
  return (
    service === HEALTH_SERVICE || [name, method].some((path) => typeof path === "string" && METHOD_PATH.test(path))
  );
}
