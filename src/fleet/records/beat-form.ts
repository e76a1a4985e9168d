/** Reads the body of a beat. It is signed, but another version may have written it. */

import type { Run } from "../store/store.js";
import { type Beat, FORMAT, MAX_ASKS, MAX_HEARD, type MemberAsk } from "./beat.js";
import { toldMaintenanceOf } from "./maintenance-form.js";
import { isAmount, isCount, isName, isRecord } from "./record-form.js";

const MAX_HEAD_LENGTH = 256;
const MAX_UNREAD = 16;

/** `undefined`: it has another form. */
export function beatOf(
  run: Run,
  body: Readonly<Record<string, unknown>> & Pick<Beat, "member" | "counter" | "hasLeft" | "notifier">,
) {
  const { member, counter, hasLeft, notifier, zone, version, uptimeMs, head, config, capacity, stalest, isLeaving } =
    body;
  // a member that starts beats before it has a digest of its definitions
  if (!(zone === undefined || isName(zone)) || !isName(version) || !(config === "" || isName(config))) return undefined;
  if (typeof head !== "string" || head.length > MAX_HEAD_LENGTH || typeof isLeaving !== "boolean") return undefined;
  if (!isAmount(uptimeMs) || !isAmount(capacity) || capacity === 0 || !isAmount(stalest)) return undefined;
  const [asks, heard] = [asksOf(body.asks), heardOf(body.heard)];
  if (asks === undefined || heard === undefined) return undefined;
  const name = { format: FORMAT, run, member, zone, version, counter, uptimeMs };
  const isDrained = body.isDrained === true; // an older version does not tell
  const unread = isNames(body.unread) ? body.unread : undefined;
  const orderTime = isCount(body.orderTime) ? body.orderTime : undefined;
  const rest = { unread, asks, orderTime, maintenance: toldMaintenanceOf(body.maintenance) };
  const state = { config, capacity, stalest, isLeaving, isDrained, hasLeft, notifier };
  return { ...name, head, heard, ...state, ...rest } satisfies Beat;
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length <= MAX_UNREAD && value.every(isName);
}

function heardOf(value: unknown): ReadonlyMap<Run, number> | undefined {
  if (!Array.isArray(value) || value.length > MAX_HEARD) return undefined;
  const isHeard = (entry: unknown): entry is [Run, number] =>
    Array.isArray(entry) && entry.length === 2 && isName(entry[0]) && isCount(entry[1]);
  return value.every(isHeard) ? new Map(value) : undefined;
}

function asksOf(value: unknown): readonly MemberAsk[] | undefined {
  if (!Array.isArray(value) || value.length > MAX_ASKS) return undefined;
  const asks: MemberAsk[] = [];
  for (const ask of value as readonly unknown[]) {
    if (!isRecord(ask)) return undefined;
    const { id, member, run, isDraining, number } = ask;
    if (!isName(id) || !isName(member) || typeof isDraining !== "boolean") return undefined;
    if (!(run === undefined || isName(run))) return undefined;
    asks.push({ id, member, run, isDraining, number: isCount(number) ? number : undefined });
  }
  return asks;
}
