/** What the parts of a record may be: a store may return anything. */
import { printable } from "../../core/printable.js";

const MAX_NAME_LENGTH = 200;

export function recordOf(text: string): Readonly<Record<string, unknown>> | undefined {
  const value = parsed(text);
  return isRecord(value) ? value : undefined;
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A text that is safe to show and to log. */
export function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_NAME_LENGTH && printable(value) === value;
}

export function isReason(value: unknown): value is string | null {
  return value === null || isName(value);
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0; // a safe integer is a number
}

export function isAmount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
