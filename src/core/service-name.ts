/**
 * What a service may be called.
 *
 * `""` is the server as a whole. The three views are names that an orchestrator may ask for on any server of ours, so
 * nobody can declare a service under them. The limit of 200 bytes is that of gRPC C++.
 */

/** The longest service name, in bytes of UTF-8. */
export const MAX_SERVICE_NAME_BYTES = 200;

/** The name of the server as a whole. */
export const OVERALL = "";

/** The reserved names: is this process alive, should it get traffic, has it started? */
export const VIEWS = ["liveness", "readiness", "startup"] as const;

/** A reserved name. */
export type View = (typeof VIEWS)[number];

/** Tells a reserved name from a service's. */
export function isView(name: string): name is View {
  return (VIEWS as readonly string[]).includes(name);
}

/**
 * Why a value can't be the name of a service, worded to follow the name of the option; `undefined` when it can.
 * Control characters are refused because names end up on terminals and in logs.
 */
export function serviceNameFault(name: unknown): string | undefined {
  if (typeof name !== "string") return `must be a string, not ${name === null ? "null" : typeof name}`;
  if (Buffer.byteLength(name) > MAX_SERVICE_NAME_BYTES)
    return `must be at most ${MAX_SERVICE_NAME_BYTES} bytes of UTF-8`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f-\u009f]/.test(name)) return "must not contain control characters";
  if (!name.isWellFormed()) return "must be well-formed Unicode (it has half of a surrogate pair)";
  if (isView(name)) return `must not be "${name}": that name is reserved for the ${name} view`;
  return undefined;
}
