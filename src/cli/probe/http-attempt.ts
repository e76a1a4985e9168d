/**
 * `-http URL`: one GET over HTTP/1.1, with the timeouts and the exit codes of a gRPC probe.
 *
 * A status of 200 to 299 is healthy. A redirect is not followed: it says nothing about the service.
 */
import { exchange } from "../../client/exchange.js";
import { ResponseReader } from "../../client/http-response.js";
import { createReadBuffer, TargetSocket } from "../../client/target-socket.js";
import type { SecureOptions } from "../../client/tls-options.js";
import { goQuote } from "./go-format.js";
import { type AttemptDeps, credentialsOf, limited } from "./probe-attempt.js";
import { failureOf, unconnected } from "./probe-cause.js";
import { probeClock } from "./probe-clock.js";
import { targetAddress } from "./probe-connection.js";
import type { ServiceOutcome } from "./probe-outcome.js";
import { type ProbeReport, reportOf } from "./probe-report.js";
import type { ProbeSettings } from "./probe-settings.js";
import type { ProbeTarget } from "./probe-target.js";

/** A token (RFC 9110, section 5.6.2). */
const FIELD_NAME = /^[\w!#$%&'*+.^`|~-]+$/;

/** What HTTP/1 can carry as it is. A line break would begin another header (RFC 9110, section 5.5). */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** More of a body is not read. */
const MAX_BODY_BYTES = 65_536;

export async function attemptHttp(deps: AttemptDeps): Promise<ProbeReport> {
  const { settings } = deps;
  const url = readUrl(settings.http ?? "");
  if (url === undefined) {
    const text = "error: -http must be a URL such as http://127.0.0.1:8080/healthcheck";
    return reportOf([{ service: "", outcome: { kind: "credentials", text, exitCode: 1 } }], settings);
  }
  const startedAt = probeClock.now();
  const outcome = await getOnce(url, deps);
  // the user and password of the URL are not shown
  const shown = { ...settings, addr: `${url.origin}${url.pathname}` };
  return reportOf([{ service: "", outcome, rpcMs: probeClock.now() - startedAt }], shown);
}

function readUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === "http:" || url?.protocol === "https:" ? url : undefined;
}

async function getOnce(url: URL, deps: AttemptDeps): Promise<ServiceOutcome> {
  const { settings, verbose } = deps;
  const isTls = url.protocol === "https:";
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = url.port === "" ? (isTls ? 443 : 80) : Number(url.port);
  const tlsHost = settings.serverName || host;
  const request = requestOf(url, settings);
  if (typeof request !== "string") return request;
  const target: ProbeTarget = { address: { host, port, hostPort: url.host }, authority: url.host, tlsHost };
  const tls = await credentialsOf(deps, tlsHost, ["http/1.1"]);
  if (tls !== undefined && "kind" in tls) return tls;
  verbose("establishing connection");
  const opened = await openSocket(target, tls, deps);
  if ("kind" in opened) return opened;
  verbose("connection established");
  try {
    return await ask(opened, Buffer.from(request, "latin1"), deps);
  } finally {
    opened.close();
  }
}

function openSocket(
  { address }: ProbeTarget,
  tls: SecureOptions | undefined,
  deps: AttemptDeps,
): Promise<TargetSocket | ServiceOutcome> {
  const timeoutMs = limited(deps.settings.connectTimeout, deps);
  const socket = new TargetSocket({ ...targetAddress(address), tls, readBuffer: createReadBuffer() }, timeoutMs);
  return new Promise((resolve) => {
    const end = (result: TargetSocket | ServiceOutcome) => {
      cancelTimer();
      stop();
      resolve(result);
      if (result !== socket) socket.close();
    };
    const stop = deps.cancellation.onCancel(() => end({ kind: "refused", cause: "context canceled" }));
    const cancelTimer = probeClock.setTimer(timeoutMs, () => end(unconnected(socket.connectError, timeoutMs)));
    socket.listen({
      onReady: () => end(socket),
      onBytes: () => end({ kind: "unconnected", cause: "the server writes before it is asked", timeoutMs }),
      onEnd: (error) => end(unconnected(error ?? new Error("the server closed the connection"), timeoutMs)),
    });
  });
}

async function ask(socket: TargetSocket, request: Buffer, deps: AttemptDeps): Promise<ServiceOutcome> {
  const timeoutMs = limited(deps.settings.rpcTimeout, deps);
  let ended: ServiceOutcome | undefined;
  const end = (outcome: ServiceOutcome) => {
    ended = outcome;
    socket.close();
  };
  const cancelTimer = probeClock.setTimer(timeoutMs, () => end({ kind: "late", timeoutMs }));
  const stop = deps.cancellation.onCancel(() => end({ kind: "failed", code: "CANCELLED", text: "context canceled" }));
  try {
    const { status } = await exchange(socket, request, new ResponseReader(MAX_BODY_BYTES));
    return { kind: "http", isHealthy: status >= 200 && status <= 299, status: String(status) };
  } catch (error) {
    return ended ?? failureOf(error);
  } finally {
    cancelTimer();
    stop();
  }
}

/** The request, or what is wrong with its headers. */
function requestOf(url: URL, { userAgent, headers, authority }: ProbeSettings): string | ServiceOutcome {
  const user = decodeURIComponent(url.username);
  const password = decodeURIComponent(url.password);
  const credentials = Buffer.from(`${user}:${password}`).toString("base64");
  const isGiven = (name: string) => headers.some(([other]) => other === name);
  const fields = [
    ...(isGiven("host") ? [] : [["host", authority ?? url.host]]),
    ...(isGiven("user-agent") ? [] : [["user-agent", userAgent]]),
    ...(url.username === "" && url.password === "" ? [] : [["authorization", `Basic ${credentials}`]]),
    ["accept", "*/*"],
    ["connection", "close"],
    ...headers,
  ];
  const wrong = fields.find(([name = "", value = ""]) => !FIELD_NAME.test(name) || !FIELD_VALUE.test(value));
  if (wrong !== undefined)
    return { kind: "failed", code: "INTERNAL", text: `the header ${goQuote(wrong[0] ?? "")} cannot be sent` };
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines}\r\n`;
}
