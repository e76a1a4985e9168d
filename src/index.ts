/**
 * The library. Its import loads no third-party package: an engine is loaded by the first `listen`, and the client library
 * of a target by its first probe.
 */
export type { CheckOptions, CheckTarget, HeartbeatOptions, IsolationOptions } from "./checks/check-options.js";
export type { ReportStore, StoredReport } from "./checks/heartbeat-reports.js";
export type { Policy } from "./checks/policy.js";
export type { ServiceDeclaration } from "./checks/service-graph.js";
export type { CheckSettings } from "./checks/settings.js";
export type { ChannelMessages, Transition } from "./core/channels.js";
export type { Clock, Random } from "./core/clock.js";
export type { DurationLike } from "./core/duration.js";
export { HEALTH_ERROR_CODES, HealthError, type HealthErrorCode, HealthTypeError } from "./core/health-error.js";
export type { BoundAddress } from "./core/listen-address.js";
export type { ServingStatus, WatchStatus } from "./core/serving-status.js";
export type { HealthOptions } from "./daemon/assembly.js";
export {
  type GracefulShutdown,
  type GracefulShutdownOptions,
  gracefulShutdown,
  type ShutdownHook,
} from "./daemon/graceful-shutdown.js";
export { Health } from "./daemon/health.js";
export { HealthImplementation } from "./daemon/health-implementation.js";
export type { HistoryOptions } from "./daemon/history.js";
export type { HealthServer, ListenOptions } from "./daemon/server.js";
export { bullmqWorker } from "./frameworks/bullmq.js";
export type { BullmqWorker, BullmqWorkerOptions } from "./frameworks/bullmq-check.js";
export {
  type MoleculerBroker,
  type MoleculerHealthOptions,
  type MoleculerMiddleware,
  type MoleculerService,
  moleculerHealth,
} from "./frameworks/moleculer.js";
export { healthSampler, type SpanSampler } from "./frameworks/open-telemetry.js";
export type { ShutdownTimes } from "./lifecycle/shutdown.js";
export type { CheckFunction } from "./probers/function.js";
export type { Report } from "./probers/heartbeat.js";
export type {
  DialogueBytes,
  DialogueExpectation,
  DialogueStep,
  Expectation,
  HeaderExpectation,
  OAuthClient,
  TargetTls,
} from "./probers/options.js";
export type { PressureLimits } from "./probers/pressure-check.js";
export { processPressure } from "./probers/process-pressure.js";
export type { StatusDetails } from "./registry/ports.js";
export type { MeterBatchResult, MeterInstrumentOptions, OpenTelemetryMeter } from "./telemetry/open-telemetry.js";
export { HEALTH_SERVICE } from "./wire/health-messages.js";
