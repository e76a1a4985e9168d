/**
 * Where the control socket is, and what an error of a call means. For all commands that use the socket.
 *
 *     --control PATH
 *       else the key `control` of the configuration, which is found as `serve` finds it
 *         else healthbridge.sock in XDG_RUNTIME_DIR, /run/healthbridge or /run: the first that exists
 */
import { existsSync, lstatSync } from "node:fs";
import { join } from "node:path";
import { BrokenCall } from "../client/broken-call.js";
import { callControl, LateCall, RefusedCall } from "../client/control-client.js";
import { DEFAULT_CONFIG_FILE, OTHER_CONFIG_FILE } from "../config/daemon-config.js";
import type { Environment } from "../config/load.js";
import { keepAlive } from "../core/background.js";
import { formatDuration, parseDuration } from "../core/duration.js";
import { messageOf } from "../core/health-error.js";
import { printable } from "../core/printable.js";
import type { ControlAnswer, ControlMethod, ControlRequest } from "../wire/control-messages.js";
import { type Flag, type FlagValues, UsageError } from "./flags.js";
import { fileOf, loadConfig } from "./load-config.js";

/** The flags of every command that uses the socket. */
export const CONTROL_FLAGS: readonly Flag[] = [
  {
    name: "control",
    value: "PATH",
    fallback:
      "the key control of the configuration, or healthbridge.sock in XDG_RUNTIME_DIR, /run/healthbridge or /run",
    help: "The control socket of the daemon.",
  },
  {
    name: "config",
    short: "c",
    value: "FILE",
    fallback: `${DEFAULT_CONFIG_FILE} or ${OTHER_CONFIG_FILE} if it exists`,
    help: "The configuration of the daemon. Only its key control is used.",
  },
  { name: "timeout", value: "TIME", fallback: "10s, or 1m for reload", help: "How long to wait for the answer." },
  { name: "json", help: "Print the answer as JSON, on one line." },
];

const EXIT_REFUSED = 3;
const EXIT_UNREACHABLE = 4;

/** The exit codes of every command that uses the socket. */
export const CONTROL_EXIT_CODES = [
  [0, "done"],
  [EXIT_REFUSED, "the daemon has refused the call, and nothing has changed"],
  [EXIT_UNREACHABLE, "the daemon could not be asked, or has not answered in time"],
] as const;

/** One call, with what is printed of its answers. */
export interface DaemonCall<Method extends ControlMethod> {
  readonly method: Method;
  readonly request: Partial<ControlRequest<Method>>;
  readonly values: FlagValues;
  readonly print: (answers: readonly ControlAnswer<Method>[]) => { readonly text: string; readonly json: object };
  /** The exit code of an answer. Default 0. */
  readonly exitCode?: (answers: readonly ControlAnswer<Method>[]) => number;
}

/** Makes a call and prints the answer. Resolves with the exit code. */
export async function askDaemon<Method extends ControlMethod>(call: DaemonCall<Method>): Promise<number> {
  const { method, request, values, print, exitCode = () => 0 } = call;
  const timeoutMs = timeoutOf(values, method === "Reload" ? 60_000 : 10_000);
  const path = await controlPath(values, process.env);
  try {
    const answers = await keepAlive(callControl(method, request, { path, timeoutMs }));
    const { text, json } = print(answers);
    process.stdout.write(values.has("json") ? `${printable(JSON.stringify(json))}\n` : text);
    return exitCode(answers);
  } catch (error) {
    const refused = error instanceof RefusedCall && error.code !== "UNIMPLEMENTED" ? error : undefined;
    const text = refused?.message ?? faultText(error, path, `${method}, ${formatDuration(timeoutMs)}`);
    process.stderr.write(`healthbridge: ${printable(text)}\n`);
    return refused === undefined || refused.code === "DEADLINE_EXCEEDED" ? EXIT_UNREACHABLE : EXIT_REFUSED;
  }
}

/** @throws UsageError where the configuration does not tell */
export async function controlPath(values: FlagValues, environment: Environment): Promise<string> {
  const [given] = values.get("control") ?? [];
  if (given !== undefined) return given;
  const file = fileOf(values);
  const configured = file === undefined ? undefined : await configuredPath(file, values);
  if (configured !== undefined) return configured;
  const folders = [environment.XDG_RUNTIME_DIR ?? "", "/run/healthbridge", "/run"].filter((folder) => folder !== "");
  const paths = folders.map((folder) => join(folder, "healthbridge.sock"));
  // of a folder that this user cannot search, the call says so
  const found = paths.find((path) => existsSync(path)) ?? paths.find(isForbidden);
  if (found !== undefined) return found;
  const why = file === undefined ? `there is no ${DEFAULT_CONFIG_FILE} here` : `${file} has no key control`;
  throw new UsageError(`${why}, and no socket at ${paths.join(" or ")}; give --control PATH or -c FILE`);
}

function isForbidden(path: string): boolean {
  try {
    lstatSync(path);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EACCES";
  }
}

/** The rest of the file need not be valid, and its secrets need not be at hand. */
async function configuredPath(file: string, values: FlagValues): Promise<string | undefined> {
  const flags: FlagValues = new Map([...values].filter(([name]) => name === "config"));
  try {
    return (await loadConfig(file, flags, { withoutEnvironment: true })).config.control;
  } catch (error) {
    const [first = ""] = messageOf(error).split("\n");
    throw new UsageError(`the control socket is not known, because ${file} cannot be read (${first}); give --control`);
  }
}

function timeoutOf(values: FlagValues, fallbackMs: number): number {
  const [text] = values.get("timeout") ?? [];
  const timeoutMs = text === undefined ? fallbackMs : parseDuration(text);
  if (timeoutMs !== undefined && timeoutMs > 0) return timeoutMs;
  throw new UsageError(`--timeout: ${JSON.stringify(text)} is not a duration above 0 (try 10s)`);
}

function faultText(error: unknown, path: string, call: string): string {
  if (error instanceof RefusedCall)
    return `the server at ${path} does not know this call (${call}): it is another server, or an older healthbridge`;
  if (error instanceof LateCall)
    return `the daemon at ${path} has not answered in time (${call}); the call may still have an effect`;
  if (isClosed(error))
    return `the daemon at ${path} has closed the connection: its control socket has too many clients, or it is ending`;
  if (error instanceof BrokenCall)
    return `the server at ${path} is not the control socket of healthbridge: ${error.message}`;
  switch (error instanceof Error && "code" in error ? error.code : undefined) {
    case "ENOENT":
      return `there is no control socket at ${path}; the daemon needs the key control: ${path}, and must run; or give --control PATH`;
    case "EACCES":
      return `permission denied: ${path} can be opened by its owner${ownerOf(path)} only`;
    case "ECONNREFUSED":
      return isSocket(path) ? `nothing listens at ${path}: its daemon has ended` : `${path} is not a socket`;
    default:
      return `the daemon at ${path} could not be asked: ${messageOf(error)}`;
  }
}

/** The server has ended the connection without an answer. Which error that is depends on the moment. */
function isClosed(error: unknown): boolean {
  if (error instanceof BrokenCall) return error.kind === "closed";
  return error instanceof Error && "code" in error && (error.code === "EPIPE" || error.code === "ECONNRESET");
}

function ownerOf(path: string): string {
  try {
    return ` (user ${lstatSync(path).uid})`;
  } catch {
    return ""; // its folder cannot be read either
  }
}

function isSocket(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true;
}
