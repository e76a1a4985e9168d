/**
 * One attempt of a probe: connect, then call.
 *
 *     target --> credentials --> connection --> Check of each service, or List --> outcomes
 *                                    ^               | the server did not take the call
 *                                    '---- once -----'
 */
import { serverNamesOf } from "../../client/grpc-head.js";
import type { Http2Connection } from "../../client/http2-connection.js";
import type { SecureOptions } from "../../client/tls-options.js";
import { messageOf } from "../../core/health-error.js";
import type { TokenRate } from "../../core/token-bucket.js";
import type { Cancellation } from "./cancellation.js";
import { formatGoDuration, type GoDuration, goDurationOf, millisecondsOf } from "./go-format.js";
import { type CallSettings, NOT_TAKEN, ProbeCalls } from "./probe-calls.js";
import { probeClock } from "./probe-clock.js";
import { connectHttp2 } from "./probe-connection.js";
import type { ServiceOutcome } from "./probe-outcome.js";
import { type ProbeReport, reportOf, type ServiceReport } from "./probe-report.js";
import type { ProbeSettings } from "./probe-settings.js";
import { type ProbeTarget, readProbeTarget, TargetFault } from "./probe-target.js";

/** What an attempt works with. */
export interface AttemptDeps {
  readonly settings: ProbeSettings;
  readonly cancellation: Cancellation;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** When `-wait` is over, in monotonic time: no timeout goes beyond it. */
  readonly endsAt: number | undefined;
  /** Writes a line of `-v`. */
  readonly verbose: (text: string) => void;
  /** What the server may send. Default: what the calls of the flags need. */
  readonly frameRate?: TokenRate;
}

/** A connection that is ready for calls. */
export interface ReadyCalls {
  readonly calls: ProbeCalls;
  readonly connection: Http2Connection;
  readonly callSettings: CallSettings;
  /** Milliseconds from the first attempt to the SETTINGS of the server. */
  readonly connectMs: number;
}

/** A frame costs a token, and one more for each kilobyte: a List of 4 MiB in frames of 1 KiB has so many. */
const LIST_FRAME_RATE: TokenRate = { burst: 10_000, perSecond: 100 };

/** Connects, up to the point where calls can be made. */
export async function openCalls(deps: AttemptDeps): Promise<ReadyCalls | { readonly failure: ServiceOutcome }> {
  const { settings, cancellation, verbose } = deps;
  const target = targetOf(settings);
  // without credentials, grpc_health_probe does not look at the target
  const tls = await credentialsOf(deps, target instanceof TargetFault ? "" : target.tlsHost, ["h2"]);
  if (tls !== undefined && "kind" in tls) return { failure: tls };
  verbose("establishing connection");
  const timeoutMs = limited(settings.connectTimeout, deps);
  if (target instanceof TargetFault) {
    const kind = target.isRefused ? "refused" : "unconnected";
    return { failure: { kind, cause: target.message, timeoutMs } };
  }
  const encoding = settings.isGzip ? (await import("./gzip.js")).GZIP : undefined;
  const frameRate = deps.frameRate ?? (settings.isList ? LIST_FRAME_RATE : undefined);
  const startedAt = probeClock.now();
  const connecting = await connectHttp2({ address: target.address, tls, timeoutMs, frameRate }, cancellation);
  if ("failure" in connecting) return connecting;
  const { connection } = connecting;
  const callSettings: CallSettings = {
    scheme: tls === undefined ? "http" : "https",
    authority: target.authority,
    userAgent: settings.userAgent,
    headers: settings.headers,
    encoding,
    timeoutMs: limited(settings.rpcTimeout, deps),
  };
  const calls = new ProbeCalls(connection, callSettings, cancellation);
  return { calls, connection, callSettings, connectMs: probeClock.now() - startedAt };
}

/** A timeout in milliseconds, within the time of `-wait`. */
export function limited(timeout: GoDuration, { endsAt = Number.POSITIVE_INFINITY }: AttemptDeps): number {
  const remainingMs = Math.max(1, Math.ceil(endsAt - probeClock.now()));
  return Math.min(millisecondsOf(timeout), remainingMs);
}

/** The target with the names that the flags give it. */
function targetOf({ addr, authority, serverName }: ProbeSettings): ProbeTarget | TargetFault {
  try {
    const target = readProbeTarget(addr);
    const name = serverName || undefined;
    if (authority === undefined && name === undefined) return target;
    const names = serverNamesOf({ address: undefined, authority, serverName: name });
    return { ...target, authority: names.authority, tlsHost: names.tlsName };
  } catch (error) {
    return error instanceof TargetFault ? error : new TargetFault(messageOf(error), true);
  }
}

/** TLS options, or why there are none; `undefined` for a connection without TLS. */
export async function credentialsOf(
  deps: AttemptDeps,
  tlsHost: string,
  protocols: readonly string[],
): Promise<SecureOptions | ServiceOutcome | undefined> {
  const { settings, env, cancellation, verbose } = deps;
  if (!settings.isTls && !settings.isSpiffe) return undefined;
  const { CredentialsFault, tlsCredentials } = await import("./tls-credentials.js");
  try {
    if (settings.isTls) return tlsCredentials(settings, tlsHost, env, protocols);
    const { spiffeCredentials } = await import("./spiffe-credentials.js");
    const timeoutMs = limited(settings.rpcTimeout, deps);
    const { tls, shownId } = await spiffeCredentials(env.SPIFFE_ENDPOINT_SOCKET, tlsHost, timeoutMs, cancellation);
    verbose(`SPIFFE Verifiable Identity Document (SVID): ${shownId}`);
    return tls;
  } catch (error) {
    if (!(error instanceof CredentialsFault)) throw error;
    return { kind: "credentials", text: error.message, exitCode: settings.isTls ? 1 : 20 };
  }
}

/** Connects, and asks for each service. */
export async function attemptChecks(deps: AttemptDeps): Promise<ProbeReport> {
  const { services } = deps.settings;
  const first = await checkOnce(deps, services);
  const refused = first.filter(({ outcome }) => outcome === undefined).map(({ service }) => service);
  const second = refused.length === 0 ? [] : await checkOnce(deps, refused);
  const again = new Map(second.map((report) => [report.service, report]));
  const reports = first.map((report) => {
    const { outcome = NOT_TAKEN, ...rest } =
      report.outcome === undefined ? (again.get(report.service) ?? report) : report;
    return { ...rest, outcome };
  });
  return reportOf(reports, deps.settings);
}

type Attempted = Omit<ServiceReport, "outcome"> & { readonly outcome: ServiceOutcome | undefined };

async function checkOnce(deps: AttemptDeps, services: readonly string[]): Promise<readonly Attempted[]> {
  const ready = await openCalls(deps);
  if ("failure" in ready) return services.map((service) => ({ service, outcome: ready.failure }));
  const { calls, connection, connectMs } = ready;
  if (deps.settings.isVerbose)
    deps.verbose(`connection established (took ${formatGoDuration(goDurationOf(connectMs))})`);
  const startedAt = probeClock.now();
  try {
    return await Promise.all(
      services.map(async (service) => {
        const outcome = await calls.check(service);
        return { service, outcome, connectMs, rpcMs: probeClock.now() - startedAt };
      }),
    );
  } finally {
    // after the result: where it ends the process, the kernel closes the connection, and faster
    setImmediate(() => connection.close());
  }
}
