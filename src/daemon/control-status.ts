/**
 * The answer to Status: first the daemon itself, then its services and checks in parts.
 *
 * What is listed is that of one moment. It is encoded part by part, while the client reads: the answer of 10,000 checks has
 * more than a megabyte.
 */
import type { Clock } from "../core/clock.js";
import type { CheckReport, ServiceStatus } from "../registry/ports.js";
import type {
  CheckDetails,
  ControlAnswer,
  DaemonStatus,
  RecoveryState,
  ServiceState,
  WebhookState,
} from "../wire/control-messages.js";
import { type ControlFleet, storeOf } from "./control-fleet.js";
import type { Hooks } from "./hooks.js";
import type { Maintenance, Scope } from "./maintenance.js";
import { type Operator, type OperatorDeps, unknownService } from "./operator.js";

/** What the daemon says about itself. */
export type DaemonFacts = Pick<
  DaemonStatus,
  "version" | "pid" | "startedAtMs" | "configFile" | "addresses" | "shuttingDown" | "restartNeeded"
>;

export interface StatusSource {
  readonly parts: OperatorDeps["parts"];
  readonly operator: Operator;
  readonly hooks: Pick<Hooks, "webhooks" | "recovery">;
  readonly clock: Clock;
  readonly facts: () => DaemonFacts;
  /** `undefined`: there is no fleet. */
  readonly fleet: ControlFleet | undefined;
}

type StatusPart = Partial<ControlAnswer<"Status">>;

const URGENCY: readonly RecoveryState["state"][] = [
  "given-up",
  "running",
  "refused",
  "cooling-down",
  "waiting",
  "idle",
];

/** Services, checks or recoveries of one message. */
const MAX_ITEMS = 100;

/**
 * The messages of an answer.
 * @param only the one service that is asked for
 * @throws ControlError NOT_FOUND
 */
export function statusParts(source: StatusSource, only: string | undefined): Iterable<StatusPart> {
  const { registry } = source.parts;
  const name = only === "readiness" ? "" : only;
  const status = name === undefined ? undefined : registry.read(name);
  if (name !== undefined && status === undefined) throw unknownService(name, registry);
  const services = name === undefined || status === undefined ? [...registry.services()] : [[name, status] as const];
  const counts = (check: CheckReport) => name === undefined || [check.name, ...check.services].includes(name);
  const checks = [...registry.checks()].filter((check) => name === "" || counts(check));
  const webhooks = name === undefined ? webhooksOf(source) : [];
  const recovery = recoveryOf(source).filter(({ service }) => name === undefined || service === name);
  return inParts(source, { services, checks, webhooks, recovery });
}

/** What is listed, as it is at the moment of the request. */
interface StatusContent {
  readonly webhooks: readonly WebhookState[];
  readonly recovery: readonly RecoveryState[];
  readonly services: readonly (readonly [string, ServiceStatus])[];
  readonly checks: readonly CheckReport[];
}

function* inParts(source: StatusSource, { services, checks, webhooks, recovery }: StatusContent): Iterable<StatusPart> {
  yield { daemon: daemonOf(source), webhooks };
  for (let at = 0; at < services.length; at += MAX_ITEMS)
    yield { services: services.slice(at, at + MAX_ITEMS).map((service) => serviceOf(source, service)) };
  for (let at = 0; at < checks.length; at += MAX_ITEMS)
    yield { checks: checks.slice(at, at + MAX_ITEMS).map((check) => checkOf(source, check)) };
  for (let at = 0; at < recovery.length; at += MAX_ITEMS) yield { recovery: recovery.slice(at, at + MAX_ITEMS) };
}

function daemonOf({ operator, clock, facts, fleet }: StatusSource): DaemonStatus {
  const known = facts();
  return {
    ...known,
    uptimeMs: clock.wallTime() - known.startedAtMs,
    survivesRestart: operator.survivesRestart,
    detached: fleet?.readings.isDetached === true,
    ...storeOf(fleet?.readings ?? { storeFailure: undefined }),
    ...saidOf(operator, "all"),
  };
}

function webhooksOf({ hooks }: StatusSource): readonly WebhookState[] {
  return hooks.webhooks.map(({ name, pending, failures, detail = "" }) => ({ name, pending, failures, detail }));
}

/** Those that need a look come first. */
function recoveryOf({ hooks, clock }: StatusSource): readonly RecoveryState[] {
  return hooks.recovery
    .map(({ rule, service, state, cause = "", runs, cooledDownAt }) => ({
      ...{ recovery: rule.name, service, state, runs, maxRuns: rule.maxRuns },
      cause: state === "refused" ? cause : "",
      nextRunAtMs: state === "cooling-down" ? clock.wallTime() + (cooledDownAt - clock.now()) : undefined,
    }))
    .sort((one, other) => URGENCY.indexOf(one.state) - URGENCY.indexOf(other.state));
}

function serviceOf({ operator }: StatusSource, [name, found]: readonly [string, ServiceStatus]): ServiceState {
  const { status, degraded, reason = "", since } = found;
  return { name, status, degraded, reason, sinceMs: since, ...saidOf(operator, { service: name }) };
}

function saidOf(operator: Operator, scope: Scope): Pick<ServiceState, "drain" | "maintenance"> {
  const sinceMs = operator.drainedSince(scope);
  const maintenance: Maintenance | undefined = operator.maintenanceOf(scope);
  return { drain: sinceMs === undefined ? undefined : { sinceMs }, maintenance };
}

function checkOf({ parts, clock, fleet }: StatusSource, check: CheckReport): CheckDetails {
  const { name, state, reason = "", since, critical, held, lastResultAt, latencyMs, services } = check;
  const nextProbeAt = parts.checks.running(name)?.runner.nextProbeAt ?? Number.POSITIVE_INFINITY;
  return {
    ...{ name, state, reason, sinceMs: since, critical, held, lastResultAtMs: lastResultAt, services },
    detail: parts.checks.publisher.detailOf(name)?.slice(0, 300) ?? "",
    latencyUs: latencyMs === undefined ? undefined : Math.round(latencyMs * 1_000),
    ...probingOf(fleet, name),
    nextProbeAtMs: Number.isFinite(nextProbeAt) ? clock.wallTime() + (nextProbeAt - clock.now()) : undefined,
  };
}

/** Whether other members of the fleet probe a check in place of this one. */
function probingOf(fleet: ControlFleet | undefined, check: string): Pick<CheckDetails, "resting" | "probedBy"> {
  const reading = fleet?.readings.owners(check);
  if (reading === undefined || reading.isProbedHere) return { resting: false, probedBy: [] };
  const probedBy = reading.owners.filter(({ isOwner }) => isOwner).map(({ member }) => member);
  return { resting: true, probedBy };
}
