/**
 * Valid names of services.
 *
 * `""` is the server as a whole. The three views are reserved: an orchestrator can ask any healthbridge server for them.
 * The limit of 200 bytes is the one of gRPC C++.
 */

/** Maximum length of a service name, in bytes of UTF-8. */
export const MAX_SERVICE_NAME_BYTES = 200;

/** The name of the server as a whole. */
export const OVERALL = "";

/** The workers of a Celery cluster are services whose names start with this text. */
export const WORKER_PREFIX = "celery.worker/";

/** The isolation rule's own check is logged and measured under this name. It is not a service. */
export const SELF_CHECK = "self-check";

/** The reserved names, with the HTTP path of each: the process is alive, it is ready for traffic, it has started. */
const VIEWS = { liveness: "/livez", readiness: "/readyz", startup: "/startupz" } as const;

type View = keyof typeof VIEWS;

/** The name under which the status of a service or view is stored: the readiness view is the overall status. */
export function storedName(name: string): string {
  return name === "readiness" ? OVERALL : name;
}

/** Whether a name is reserved. */
export function isView(name: string): name is View {
  return Object.hasOwn(VIEWS, name);
}

/**
 * Why a value is not a valid service name, as text that follows the name of the option; `undefined` for a valid name.
 * Control characters are invalid, because names are written to terminals and logs.
 */
export function serviceNameFault(name: unknown): string | undefined {
  if (typeof name !== "string") return `must be a string, not ${name === null ? "null" : typeof name}`;
  if (Buffer.byteLength(name) > MAX_SERVICE_NAME_BYTES)
    return `must be at most ${MAX_SERVICE_NAME_BYTES} bytes of UTF-8`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f-\u009f]/.test(name)) return "must not contain control characters";
  if (!name.isWellFormed()) return "must be well-formed Unicode (it has half of a surrogate pair)";
  if (isView(name)) return `must not be "${name}", which is reserved for the ${name} view (${VIEWS[name]})`;
  return undefined;
}
