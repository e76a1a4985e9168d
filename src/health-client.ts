/**
 * A client of any `grpc.health.v1` service. It loads no third-party package.
 */
export { HealthCallError } from "./client/health-call-error.js";
export { type HealthCallOptions, HealthClient, type HealthWatchOptions } from "./client/health-client.js";
export type { HealthClientOptions, HealthClientTls } from "./client/health-client-options.js";
export type { HealthUpdate, HealthUpdateIterator } from "./client/health-updates.js";
export type { Clock, Random } from "./core/clock.js";
export type { DurationLike } from "./core/duration.js";
export { HealthError, type HealthErrorCode, HealthTypeError } from "./core/health-error.js";
export type { WatchStatus } from "./core/serving-status.js";
export type { TlsVersion } from "./core/tls-version.js";
export type { GrpcCode } from "./wire/grpc-code.js";
