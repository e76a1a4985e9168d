/**
 * `healthbridge.control.v1.Control`: reads the requests, and answers with messages or a gRPC status.
 *
 *     bytes --> request --> Operator | status | reload | heartbeat --> answers --> bytes
 *                                '--ControlError--> status with its text
 */
import { background } from "../core/background.js";
import { publish } from "../core/channels.js";
import { printable } from "../core/printable.js";
import type { GrpcMethod, StreamCall } from "../transports/grpc/engine.js";
import {
  CONTROL_METHODS,
  CONTROL_SERVICE,
  type ControlAnswer,
  type ControlMethod,
  type ControlRequest,
} from "../wire/control-messages.js";
import { decodeMessage, encodeMessage } from "../wire/message-table.js";
import { ControlError } from "./control-error.js";
import { askMember, listMembers, listOwners } from "./control-fleet.js";
import { type InstanceListDeps, instanceParts } from "./control-instances.js";
import { type StatusSource, statusParts } from "./control-status.js";
import type { Scope } from "./maintenance.js";

export type ReloadResult =
  | { readonly kind: "applied"; readonly configFile: string }
  | { readonly kind: "refused"; readonly configFile: string; readonly faults: readonly string[] };

export interface ControlDeps extends StatusSource {
  readonly instances: InstanceListDeps;
  readonly instance: string;
  /** Reads the configuration again, and resolves when it is applied or rejected. */
  readonly reload: () => Promise<ReloadResult>;
}

type Answers<Method extends ControlMethod> = Iterable<Partial<ControlAnswer<Method>>>;

type Handlers = {
  readonly [Method in ControlMethod]: (
    deps: ControlDeps,
    request: ControlRequest<Method>,
  ) => Answers<Method> | Promise<Answers<Method>>;
};

const MAX_FAULTS = 200;
const MAX_FAULT_CHARACTERS = 1_000;
const MAX_REASON_CHARACTERS = 200;
const MAX_DURATION_MS = 365 * 86_400_000;

const HANDLERS: Handlers = {
  Status: (deps, { service }) => statusParts(deps, service),
  async Drain({ operator }, request) {
    const changed = await operator.drain(scopeOf(request));
    return [{ changed, survivesRestart: operator.survivesRestart }];
  },
  async Resume({ operator }, request) {
    const { all, services } = await operator.resume(scopeOf(request));
    return [{ all, services, allStillDrained: operator.drainedSince("all") !== undefined }];
  },
  async Reload({ reload, facts }) {
    const result = await reload();
    const faults = result.kind === "refused" ? result.faults : [];
    return [
      {
        applied: result.kind === "applied",
        faults: faults.slice(0, MAX_FAULTS).map((fault) => printable(fault).slice(0, MAX_FAULT_CHARACTERS)),
        moreFaults: Math.max(0, faults.length - MAX_FAULTS),
        restartNeeded: facts().restartNeeded,
        configFile: result.configFile,
      },
    ];
  },
  ListInstances: ({ instances }, { service }) => instanceParts(instances, service),
  ListMembers: ({ fleet }) => [listMembers(fleet)],
  async DrainMember({ fleet }, { member, drained }) {
    await askMember(fleet, member, drained);
    return [{}];
  },
  ListOwners: ({ fleet, parts }, { check }) => [listOwners(fleet, check, parts.registry.checks())],
  Heartbeat({ parts }, { check, failed }) {
    const running = parts.checks.running(check);
    if (running === undefined) throw new ControlError("NOT_FOUND", `there is no check ${JSON.stringify(check)}`);
    if (running.heartbeat === undefined)
      throw new ControlError("FAILED_PRECONDITION", `the check ${JSON.stringify(check)} is not a heartbeat`);
    running.heartbeat.beat(failed ? "fail" : "pass");
    return [{}];
  },
  async SetMaintenance({ operator, fleet }, request) {
    const { durationMs, reason } = request;
    if (durationMs > MAX_DURATION_MS) throw new ControlError("INVALID_ARGUMENT", "the duration must be at most a year");
    if (reason.length > MAX_REASON_CHARACTERS || printable(reason) !== reason)
      throw new ControlError(
        "INVALID_ARGUMENT",
        `the reason must have at most ${MAX_REASON_CHARACTERS} characters, and no control characters`,
      );
    const scope = scopeOf(request);
    const changed = await operator.setMaintenance(scope, durationMs, reason);
    const unaware = changed ? await operator.tellMaintenance() : [];
    const untilMs = operator.maintenanceOf(scope)?.untilMs ?? 0;
    const { survivesRestart } = operator;
    return [{ changed, untilMs, survivesRestart, fleet: fleet?.readings.fleet ?? "", unaware }];
  },
};

export function controlMethods(deps: ControlDeps): ReadonlyMap<string, GrpcMethod> {
  const names = Object.keys(HANDLERS) as ControlMethod[]; // the keys of a table that has every method
  return new Map(names.map((name) => [`/${CONTROL_SERVICE}/${name}`, methodOf(name, deps)]));
}

function methodOf<Method extends ControlMethod>(name: Method, deps: ControlDeps): GrpcMethod {
  const { request: table, answer } = CONTROL_METHODS[name];
  return (bytes, call) => {
    let isOver = false;
    const answerCall = async () => {
      // the tables of a method have the types of its messages
      const request = decodeMessage(table, bytes) as ControlRequest<Method> | undefined;
      if (request === undefined) throw new ControlError("INVALID_ARGUMENT", "malformed request");
      for (const each of await HANDLERS[name](deps, request)) {
        await sent(call, encodeMessage<object>(answer, each));
        if (isOver) return;
      }
      call.end("OK", "");
    };
    background(
      answerCall().catch((error: unknown) => endWith(call, error, deps)),
      deps.instance,
      `control: ${name}`,
    );
    return () => {
      isOver = true;
    };
  };
}

function sent(call: StreamCall, message: Buffer): Promise<void> {
  return new Promise((resolve) => call.send(message, resolve));
}

function endWith(call: StreamCall, error: unknown, { instance }: ControlDeps): void {
  if (error instanceof ControlError) call.end(error.code, error.message);
  else {
    publish("fault", { instance, where: "the control service", error });
    call.end("INTERNAL", "an unexpected error of healthbridge; its log has more");
  }
}

/** @throws ControlError for a request that names nothing: it must not mean everything */
function scopeOf({ all, service }: ControlRequest<"Drain">): Scope {
  if (service !== undefined && all === undefined) return { service };
  if (all === true && service === undefined) return "all";
  throw new ControlError("INVALID_ARGUMENT", "exactly one of all: true and service must be set");
}
