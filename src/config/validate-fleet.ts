/**
 * The fleet of a configuration file, and how each check is shared.
 */
import { hostname } from "node:os";
import type { CheckDeclaration } from "../checks/declarations.js";
import { readSettings } from "../checks/read-settings.js";
import { MIN_STALE_AFTER_MS } from "../checks/settings.js";
import { isOfOneMachine } from "../checks/sharing.js";
import { formatDuration, parseDuration } from "../core/duration.js";
import { messageOf } from "../core/health-error.js";
import type { SharingScope } from "../fleet/records/vote.js";
import type { StoreUrl } from "../fleet/store/store-url.js";
import { parseStoreUrl } from "../fleet/store/store-url.js";
import type { TargetTls } from "../probers/options.js";
import type { ConfigInput } from "./config-input.js";
import type { STORE_GONE } from "./fleet-schema.js";
import type { CheckEntry, ConfigFile } from "./schema.js";
import { readTargetTls } from "./tls-files.js";

/** How the members of a fleet share a check. */
export interface Sharing {
  readonly scope: SharingScope;
  readonly copies: number;
  readonly agree: number | "majority";
}

/** The fleet of a daemon. Times are in milliseconds. */
export interface FleetConfig {
  readonly name: string;
  readonly store: StoreUrl;
  readonly tls: TargetTls | undefined;
  /** `undefined`: records are not protected against others who can write to the store. */
  readonly secret: string | undefined;
  readonly member: string;
  readonly zone: string | undefined;
  readonly beatMs: number;
  readonly leaseMs: number;
  readonly settleMs: number;
  /** Probes a second. */
  readonly capacity: number;
  readonly whenStoreIsGone: (typeof STORE_GONE)[number];
  /** How each check is shared, and each check with `instances`, by its name. */
  readonly sharing: ReadonlyMap<string, Sharing>;
}

const DEFAULTS = { copies: 2, beatMs: 1_000, leaseMs: 5_000, settleMs: 2_000, capacity: 4_000 } as const;

/** Names become parts of keys in the store. */
const FLEET_NAME = /^[a-z0-9](?:[a-z0-9._-]{0,62})$/i;

const MEMBER_NAME = /^[\x21-\x7e]{1,128}$/;

const MIN_SECRET_LENGTH = 16;

const MAX_COPIES = 16;

/** A vote of another member that is older counts no more. So it must outlast some beats that the store has not taken. */
const MIN_STALE_BEATS = 10;

/** Names in a warning. */
const MAX_NAMED = 3;

const TLS_HINTS = {
  redis: "use rediss://",
  sentinel: "use rediss+sentinel://",
  cluster: "use rediss+cluster://",
  postgres: "add ?sslmode=require",
} as const satisfies Readonly<Record<StoreUrl["kind"], string>>;

/** @param declared every check of the file, those with `instances` too */
export function readFleet(declared: readonly CheckDeclaration[], input: ConfigInput): FleetConfig | undefined {
  const { fleet } = input.content;
  if (fleet === undefined) {
    refuseSharing(declared, input);
    return undefined;
  }
  const refuse = (key: string, text: string) => input.refuse(["fleet", key], text);
  const { name, member = hostname(), capacity = DEFAULTS.capacity, whenStoreIsGone = "auto" } = fleet;
  const zone = fleet.zone || undefined;
  if (!FLEET_NAME.test(name))
    refuse("name", `must be letters, digits, dots, - and _, at most 63; got ${JSON.stringify(name)}`);
  if (!MEMBER_NAME.test(member))
    refuse("member", `must be 1 to 128 printable characters without spaces; got ${JSON.stringify(member)}`);
  if (zone !== undefined && !MEMBER_NAME.test(zone))
    refuse("zone", `must be 1 to 128 printable characters without spaces; got ${JSON.stringify(zone)}`);
  const store = readStore(fleet.store, input);
  const tls =
    fleet.tls &&
    readTargetTls(fleet.tls, input.files, (key, text) =>
      input.refuse(["fleet", "tls", ...(key === undefined ? [] : [key])], text),
    );
  if (tls !== undefined && store?.isTls === false)
    refuse("tls", `has no effect on a store without TLS; for TLS ${TLS_HINTS[store.kind]} in store`);
  const secret = readSecret(store, input);
  const times = readTimes(fleet, refuse);
  const sharing = readSharing(declared, fleet, input);
  if (store === undefined) return undefined;
  return { name, store, tls, secret, member, zone, ...times, capacity, whenStoreIsGone, sharing };
}

/** Checks of several members whose results are too old before a store that answers only now and then gives newer ones. */
export function fleetWarnings(
  fleet: FleetConfig | undefined,
  declared: readonly CheckDeclaration[],
): readonly string[] {
  if (fleet === undefined) return [];
  const leastMs = MIN_STALE_BEATS * fleet.beatMs;
  const short = declared.filter(({ name, options }) => {
    if (fleet.sharing.get(name)?.scope === "local") return false;
    if (options.staleAfter === undefined && leastMs <= MIN_STALE_AFTER_MS) return false;
    return readSettings(options).settings.staleAfterMs < leastMs;
  });
  if (short.length === 0) return [];
  const names = short.slice(0, MAX_NAMED).map(({ name }) => name);
  if (short.length > MAX_NAMED) names.push(`${short.length - MAX_NAMED} more`);
  return [
    `staleAfter of ${names.join(", ")}: below ten beats of the fleet (${formatDuration(leastMs)}), so the status is UNKNOWN at times when the store answers late`,
  ];
}

function readStore(text: string, { refuse }: ConfigInput): StoreUrl | undefined {
  try {
    return parseStoreUrl(text);
  } catch (error) {
    refuse(["fleet", "store"], messageOf(error));
    return undefined;
  }
}

function readSecret(store: StoreUrl | undefined, { content, files, refuse }: ConfigInput): string | undefined {
  const secretFile = content.fleet?.secretFile;
  if (secretFile === undefined) {
    if (store !== undefined && store.kind !== "postgres")
      refuse(["fleet"], "needs secretFile: applications that use the same Redis could forge votes");
    return undefined;
  }
  const path = ["fleet", "secretFile"];
  const text = files.read(secretFile, "secret", (fault) => refuse(path, fault))?.trim();
  if (text !== undefined && text.length < MIN_SECRET_LENGTH)
    refuse(path, `${secretFile} must contain ${MIN_SECRET_LENGTH} or more characters; it has ${text.length}`);
  return text;
}

type FleetTimes = Pick<FleetConfig, "beatMs" | "leaseMs" | "settleMs">;

function readTimes(fleet: NonNullable<ConfigFile["fleet"]>, refuse: (key: string, text: string) => void): FleetTimes {
  const beatMs = parseDuration(fleet.beat) ?? DEFAULTS.beatMs;
  const leaseMs = parseDuration(fleet.lease) ?? DEFAULTS.leaseMs;
  const settleMs = parseDuration(fleet.settle) ?? DEFAULTS.settleMs;
  if (beatMs < 200 || beatMs > 10_000) refuse("beat", `must be from 200ms to 10s; got ${fleet.beat}`);
  if (leaseMs < 3 * beatMs || leaseMs > 60_000)
    refuse(
      fleet.lease === undefined ? "beat" : "lease",
      fleet.lease === undefined
        ? `must be at most a third of lease (${formatDuration(leaseMs)}); got ${fleet.beat}`
        : `must be from 3 beats (${formatDuration(3 * beatMs)}) to 1m; got ${fleet.lease}`,
    );
  if (settleMs > 30_000) refuse("settle", `must be at most 30s; got ${fleet.settle}`);
  return { beatMs, leaseMs, settleMs };
}

function readSharing(
  declared: readonly CheckDeclaration[],
  fleet: NonNullable<ConfigFile["fleet"]>,
  input: ConfigInput,
): ReadonlyMap<string, Sharing> {
  const copies = readCopies(["fleet"], fleet.copies ?? DEFAULTS.copies, input);
  const common = { copies, agree: readAgree(fleet.agree, copies, tooManyAgree(["fleet"], input)) };
  return new Map(declared.map((check) => [check.name, sharingOf(check, common, fleet.agree, input)]));
}

type Agree = NonNullable<ConfigFile["fleet"]>["agree"];

function sharingOf(check: CheckDeclaration, common: Omit<Sharing, "scope">, agree: Agree, input: ConfigInput): Sharing {
  const entry = entryOf(check.name, input);
  const path = ["checks", check.name];
  const scope = readScope(check, entry, input);
  if (scope === "shared") {
    if (entry.copies === undefined && entry.agree === undefined) return { scope, ...common };
    const copies = entry.copies === undefined ? common.copies : readCopies(path, entry.copies, input);
    if (entry.agree !== undefined)
      return { scope, copies, agree: readAgree(entry.agree, copies, tooManyAgree(path, input)) };
    const refuse = (most: number) =>
      input.refuse([...path, "copies"], `must be at least agree of fleet (${agree}), or write agree too; got ${most}`);
    return { scope, copies, agree: readAgree(agree, copies, refuse) };
  }
  if (entry.copies !== undefined)
    input.refuse([...path, "copies"], `is only for a check that is shared; this one is ${scope}`);
  if (scope === "local" && entry.agree !== undefined)
    input.refuse([...path, "agree"], "is not for a check that is local: its own member decides alone");
  return { scope, copies: 1, agree: scope === "each" ? (entry.agree ?? agree ?? "majority") : 1 };
}

function readScope(
  { name, source }: CheckDeclaration,
  { scope, heartbeat }: CheckEntry,
  input: ConfigInput,
): SharingScope {
  const path = ["checks", name, "scope"];
  if (heartbeat !== undefined) {
    if (scope !== undefined && scope !== "each")
      input.refuse(path, "a heartbeat may arrive at each member; remove scope");
    return "each";
  }
  if (!isOfOneMachine(source)) return scope ?? "shared";
  if (scope === "shared")
    input.refuse(
      path,
      "must be local or each: the target is on one machine (exec, a unix socket or a loopback address)",
    );
  return scope ?? "local";
}

function readCopies(path: readonly string[], copies: number, { refuse }: ConfigInput): number {
  if (copies > MAX_COPIES) refuse([...path, "copies"], `must be at most ${MAX_COPIES}; got ${copies}`);
  return Math.min(copies, MAX_COPIES);
}

/** @param refuse called with the copies when more must agree than there are */
function readAgree(agree: Agree, copies: number, refuse: (copies: number, agree: number) => void): number {
  if (agree === undefined || agree === "majority") return Math.floor(copies / 2) + 1;
  if (agree > copies) refuse(copies, agree);
  return Math.min(agree, copies);
}

function tooManyAgree(path: readonly string[], { refuse }: ConfigInput) {
  return (copies: number, agree: number) =>
    refuse([...path, "agree"], `must be at most copies (${copies}); got ${agree}`);
}

function entryOf(name: string, { content }: ConfigInput): CheckEntry {
  const entry = content.checks?.[name];
  return typeof entry === "object" ? entry : {};
}

/** Keys that say nothing without a fleet are probably a mistake. */
function refuseSharing(declared: readonly CheckDeclaration[], input: ConfigInput): void {
  for (const { name } of declared) {
    const entry = entryOf(name, input);
    for (const key of ["scope", "copies", "agree"] as const)
      if (entry[key] !== undefined) input.refuse(["checks", name, key], "needs fleet");
  }
}
