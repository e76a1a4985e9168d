/** The messages of `healthbridge.control.v1.Control` as tables. proto/healthbridge/control/v1/control.proto describes them. */
import { MEMBER_STATES } from "../core/member-states.js";
import { choice, count, flag, type MessageOf, message, optional, repeated, text } from "./message-table.js";

/** The full name of the service. */
export const CONTROL_SERVICE = "healthbridge.control.v1.Control";

const SINCE_MS = count(1);

export const DRAIN_STATUS = { sinceMs: SINCE_MS } as const;

export const MAINTENANCE_STATUS = { sinceMs: SINCE_MS, untilMs: count(2), reason: text(3) } as const;

export const DAEMON_STATUS = {
  version: text(1),
  pid: count(2),
  startedAtMs: count(3),
  uptimeMs: count(4),
  configFile: text(5),
  addresses: repeated(text(6)),
  shuttingDown: flag(7),
  drain: message(8, DRAIN_STATUS),
  maintenance: message(9, MAINTENANCE_STATUS),
  restartNeeded: repeated(text(10)),
  survivesRestart: flag(11),
  detached: flag(12),
  storeFault: text(13),
  storeError: text(14),
} as const;

export const SERVICE_STATUS = {
  name: text(1),
  status: choice(2, ["UNKNOWN", "SERVING", "NOT_SERVING"]),
  degraded: flag(3),
  reason: text(4),
  sinceMs: count(5),
  drain: message(6, DRAIN_STATUS),
  maintenance: message(7, MAINTENANCE_STATUS),
} as const;

export const CHECK_STATUS = {
  name: text(1),
  state: choice(2, ["pending", "passing", "warning", "failing"]),
  reason: text(3),
  detail: text(4),
  sinceMs: count(5),
  critical: flag(6),
  held: flag(7),
  lastResultAtMs: optional(count(8)),
  latencyUs: optional(count(9)),
  nextProbeAtMs: optional(count(10)),
  services: repeated(text(11)),
  resting: flag(12),
  probedBy: repeated(text(13)),
} as const;

export const WEBHOOK_STATUS = { name: text(1), pending: count(2), failures: count(3), detail: text(4) } as const;

export const RECOVERY_STATUS = {
  recovery: text(1),
  service: text(2),
  state: choice(3, ["idle", "waiting", "running", "cooling-down", "refused", "given-up"]),
  cause: text(4),
  runs: count(5),
  maxRuns: count(6),
  nextRunAtMs: optional(count(7)),
} as const;

export const INSTANCE_STATUS = {
  check: text(1),
  host: text(2),
  port: count(3),
  address: text(4),
  state: choice(5, ["unknown", "healthy", "degraded", "unhealthy"]),
  drained: flag(6),
  reason: text(7),
  sinceMs: count(8),
  weight: count(9),
  tags: repeated(text(10)),
} as const;

export const SERVICE_INSTANCES = {
  name: text(1),
  known: flag(2),
  instances: repeated(message(3, INSTANCE_STATUS)),
} as const;

export const MEMBER_STATUS = {
  member: text(1),
  run: text(2),
  self: flag(3),
  state: choice(4, MEMBER_STATES),
  zone: text(5),
  version: text(6),
  beatAgeMs: count(7),
  checks: count(8),
  config: text(9),
} as const;

export const OWNER_STATUS = {
  member: text(1),
  run: text(2),
  zone: text(3),
  owner: flag(4),
  vote: choice(5, ["none", "passing", "warning", "failing", "abstaining"]),
  reason: text(6),
  newestReport: flag(7),
} as const;

const SCOPE = { all: optional(flag(1)), service: optional(text(2)) } as const;

/** The request and the answer of each method. */
export const CONTROL_METHODS = {
  Status: {
    request: { service: optional(text(1)) },
    answer: {
      daemon: message(1, DAEMON_STATUS),
      services: repeated(message(2, SERVICE_STATUS)),
      checks: repeated(message(3, CHECK_STATUS)),
      webhooks: repeated(message(4, WEBHOOK_STATUS)),
      recovery: repeated(message(5, RECOVERY_STATUS)),
    },
  },
  Drain: { request: SCOPE, answer: { changed: flag(1), survivesRestart: flag(2) } },
  Resume: { request: SCOPE, answer: { all: flag(1), services: repeated(text(2)), allStillDrained: flag(3) } },
  Reload: {
    request: {},
    answer: {
      applied: flag(1),
      faults: repeated(text(2)),
      moreFaults: count(3),
      restartNeeded: repeated(text(4)),
      configFile: text(5),
    },
  },
  ListInstances: {
    request: { service: optional(text(1)) },
    answer: { services: repeated(message(1, SERVICE_INSTANCES)) },
  },
  ListMembers: {
    request: {},
    answer: {
      fleet: text(1),
      detached: flag(2),
      members: repeated(message(3, MEMBER_STATUS)),
      configDigests: count(4),
      storeFault: text(5),
      storeError: text(6),
    },
  },
  DrainMember: { request: { member: text(1), drained: flag(2) }, answer: {} },
  ListOwners: {
    request: { check: text(1) },
    answer: {
      scope: choice(1, ["shared", "local", "each"]),
      detached: flag(2),
      owners: repeated(message(3, OWNER_STATUS)),
      storeFault: text(4),
      heartbeat: flag(5),
    },
  },
  Heartbeat: { request: { check: text(1), failed: flag(2) }, answer: {} },
  SetMaintenance: {
    request: { ...SCOPE, durationMs: count(3), reason: text(4) },
    answer: {
      changed: flag(1),
      untilMs: count(2),
      survivesRestart: flag(3),
      fleet: text(4),
      unaware: repeated(text(5)),
    },
  },
} as const;

export type ControlMethod = keyof typeof CONTROL_METHODS;
export type ControlRequest<Method extends ControlMethod> = MessageOf<(typeof CONTROL_METHODS)[Method]["request"]>;
export type ControlAnswer<Method extends ControlMethod> = MessageOf<(typeof CONTROL_METHODS)[Method]["answer"]>;
export type DaemonStatus = MessageOf<typeof DAEMON_STATUS>;
export type ServiceState = MessageOf<typeof SERVICE_STATUS>;
export type CheckDetails = MessageOf<typeof CHECK_STATUS>;
export type InstanceDetails = MessageOf<typeof INSTANCE_STATUS>;
export type MemberDetails = MessageOf<typeof MEMBER_STATUS>;
export type OwnerDetails = MessageOf<typeof OWNER_STATUS>;
export type WebhookState = MessageOf<typeof WEBHOOK_STATUS>;
export type RecoveryState = MessageOf<typeof RECOVERY_STATUS>;
