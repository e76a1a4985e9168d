/**
 * The checks and services of a configuration file, as declarations.
 *
 * These rules are about the file alone. Names, settings and targets are checked by `checks/plan`.
 */
import type { CheckDeclaration, CheckSource } from "../checks/declarations.js";
import type { Policy } from "../checks/policy.js";
import type { ServiceDeclaration } from "../checks/service-graph.js";
import { nearestTo } from "../core/nearest.js";
import type { Path } from "../core/option-error.js";
import { OVERALL } from "../core/service-name.js";
import type { TargetTls } from "../probers/options.js";
import type { ConfigInput } from "./config-input.js";
import { bothOf, type CheckEntry, type ServiceEntry } from "./schema.js";
import { readTargetTls } from "./tls-files.js";

/**
 * Values of one check, with those in its lists and tables. A reload applies one check in one turn of the event loop, and a
 * change of its status writes each of its services.
 */
const MAX_CHECK_VALUES = 1_000;

/** The checks that a configuration declares. */
export function readChecks(input: ConfigInput): readonly CheckDeclaration[] {
  const readTls = createTlsReader(input);
  return Object.entries(input.content.checks ?? {}).map(([name, given]) => {
    const entry: CheckEntry = typeof given === "string" ? { target: given } : given;
    const count = countValues(entry);
    if (count > MAX_CHECK_VALUES)
      input.refuse(["checks", name], `has ${count} values; the limit is ${MAX_CHECK_VALUES}`);
    const tls = entry.tls && readTls(entry.tls, ["checks", name, "tls"]);
    return readCheck(name, { ...entry, tls }, input);
  });
}

/** The values in a list or table, with those of all lists and tables in it. */
function countValues(table: object): number {
  let count = 0;
  for (const value of Object.values(table)) count += 1 + (typeof value === "object" ? countValues(Object(value)) : 0);
  return count;
}

/** Certificates that 5,000 checks name are read and verified once, if they have no fault. */
function createTlsReader({ files, refuse }: ConfigInput) {
  const known = new Map<string, TargetTls>();
  return (table: NonNullable<CheckEntry["tls"]>, path: Path): TargetTls => {
    const key = JSON.stringify(table);
    const same = known.get(key);
    if (same !== undefined) return same;
    let isFaulty = false;
    const tls = readTargetTls(table, files, (inner, text) => {
      isFaulty = true;
      refuse([...path, ...(inner === undefined ? [] : [inner])], text);
    });
    if (!isFaulty) known.set(key, tls);
    return tls;
  };
}

const SOURCES = "one of target, exec and heartbeat";

/** An entry whose files have been read. */
type ReadEntry = Omit<CheckEntry, "tls"> & { readonly tls: TargetTls | undefined };

function readCheck(name: string, entry: ReadEntry, input: ConfigInput): CheckDeclaration {
  const { refuse, content } = input;
  const path = ["checks", name];
  const { target, exec, heartbeat, instances, policy, advertise, tags, weight, scope, copies, agree, ...options } =
    entry;
  const sources = Object.entries({ target, exec, heartbeat }).flatMap(([key, value]) =>
    value === undefined ? [] : [key],
  );
  if (sources.length === 0) refuse(path, `must have ${SOURCES}`);
  if (sources.length > 1) refuse(path, `has ${bothOf(sources)}; a check has ${SOURCES}`);
  if (exec !== undefined && content.allowExec !== true)
    refuse([...path, "exec"], "programs need allowExec: true at the top of the file");
  const defaults = heartbeat === undefined && !input.isFromFlag(name) ? content.defaults : {};
  return { name, source: sourceOf(entry), options: { ...defaults, ...options } };
}

function sourceOf({ target = "", exec, heartbeat }: ReadEntry): CheckSource {
  if (exec !== undefined) return { kind: "exec", command: exec };
  if (heartbeat !== undefined) return { kind: "heartbeat", ttl: heartbeat.ttl, token: heartbeat.token };
  return { kind: "target", url: target };
}

/** The services that a configuration declares; `""` is among them where the file has `overall`. */
export function readServices(checks: readonly CheckDeclaration[], input: ConfigInput): readonly ServiceDeclaration[] {
  const { services = {}, overall } = input.content;
  const known = new Set([
    ...checks.flatMap(({ name, options }) => [name, ...(options.services ?? [])]),
    ...input.names,
  ]);
  let unknownCount = 0;
  const checkMembers = (members: readonly string[], path: Path) => {
    for (const [index, member] of members.entries()) {
      if (known.has(member)) continue;
      unknownCount += 1;
      input.refuse([...path, index], unknownMember(member, unknownCount > MAX_SUGGESTIONS ? NO_NAMES : known));
    }
  };
  const declared = Object.entries(services).map(([name, entry]): ServiceDeclaration => {
    const path = ["services", name];
    if (name === OVERALL) input.refuse(path, "the name must not be empty; the server as a whole is `overall`");
    const { policy, members, key } = readService(entry);
    checkMembers(members, key === undefined ? path : [...path, key]);
    return { name, policy, members };
  });
  if (overall === undefined) return declared;
  checkMembers(overall, ["overall"]);
  return [...declared, { name: OVERALL, policy: { kind: "all" }, members: overall }];
}

function readService(entry: ServiceEntry): { policy: Policy; members: readonly string[]; key: string | undefined } {
  if (Array.isArray(entry)) return { policy: { kind: "all" }, members: entry, key: undefined };
  if ("all" in entry) return { policy: { kind: "all" }, members: entry.all, key: "all" };
  if ("any" in entry) return { policy: { kind: "any" }, members: entry.any, key: "any" };
  return { policy: { kind: "quorum", count: entry.quorum }, members: entry.of, key: "of" };
}

/** A suggestion compares the member with every name: a file with 20,000 of each would take hours. */
const MAX_SUGGESTIONS = 50;

const NO_NAMES: ReadonlySet<string> = new Set();

function unknownMember(member: string, known: ReadonlySet<string>): string {
  const nearest = nearestTo(member, known);
  const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  return `there is no check or service ${JSON.stringify(member)}${hint}`;
}
