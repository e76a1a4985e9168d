/** The maintenance of a beat, and how it is read. It is signed, but another version may have written it. */
import { printable } from "../../core/printable.js";
import { serviceNameFault } from "../../core/service-name.js";

/** An order as a beat has it. */
export interface MaintenanceOrder {
  /** Random: 8 hexadecimal digits. */
  readonly id: string;
  /** `all`, or `=` and the name of a service. */
  readonly scope: string;
  /** The higher number holds. With a half, it was restored by a wall clock: an exact copy of the same order is better. */
  readonly number: number;
  /** Milliseconds until the maintenance is over. */
  readonly leftMs: number;
  /** Milliseconds for which the order must be remembered. At least `leftMs`. */
  readonly keepMs: number;
  /** It ends a maintenance. */
  readonly isEnd: boolean;
  readonly reason: string;
  /** The member at which it was given. */
  readonly member: string;
}

/** Maintenance as beats tell of it. */
export interface ToldMaintenance {
  /** Of the orders that a member knows. Members with the same one know the same orders. */
  readonly digest: string;
  /** At most `MAX_ORDERS`. None while all members know the same. */
  readonly orders: readonly MaintenanceOrder[];
}

/** So many orders are known at the same time. */
export const MAX_ORDERS = 64;

const MAX_TEXT = 200;

/** A year, and what the way takes. */
const MAX_MS = 366 * 86_400_000;

/** `undefined`: an older version tells none, or it has another form. */
export function toldMaintenanceOf(value: unknown): ToldMaintenance | undefined {
  const { digest, orders }: { readonly digest?: unknown; readonly orders?: unknown } = Object(value);
  if (!isText(digest) || !Array.isArray(orders) || orders.length > MAX_ORDERS) return undefined;
  return { digest, orders: orders.flatMap((order: unknown) => maintenanceOrderOf(order) ?? []) };
}

/** `undefined`: it has another form. */
export function maintenanceOrderOf(value: unknown): MaintenanceOrder | undefined {
  const order: Readonly<Partial<Record<keyof MaintenanceOrder, unknown>>> = Object(value);
  const { id, scope, number, leftMs, keepMs, isEnd, reason, member } = order;
  if (!isText(id) || !isScope(scope) || !isText(reason) || !isText(member) || typeof isEnd !== "boolean")
    return undefined;
  if (!isTime(number, Number.MAX_SAFE_INTEGER) || !isTime(leftMs, MAX_MS) || !isTime(keepMs, MAX_MS)) return undefined;
  return { id, scope, number, leftMs, keepMs, isEnd, reason, member };
}

/** `all`, or `=` and the name of a service. */
function isScope(value: unknown): value is string {
  if (typeof value !== "string") return false;
  return value === "all" || (value.startsWith("=") && serviceNameFault(value.slice(1)) === undefined);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_TEXT && printable(value) === value;
}

function isTime(value: unknown, max: number): value is number {
  return typeof value === "number" && value >= 0 && value <= max;
}
