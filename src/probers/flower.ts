/**
 * `flower+http://[name:password@]host:5555[/prefix]` and `flower+https://`: a Celery cluster, through Flower's API.
 *
 *     GET /api/workers?status=true --> {"celery@a": true, "celery@b": false}
 *                                        celery.worker/celery@a is online, celery.worker/celery@b is offline
 *
 * It passes while at least `minWorkers` are online. Flower learns that from the heartbeats of the workers, and notices an
 * end after it has missed a few. The parameter `refresh` is not used: it makes Flower inspect the cluster for a second.
 *
 * While the broker is down, Flower answers slowly or not at all, calls every worker offline, or, after a restart of its
 * own, has an empty list. It keeps a worker that is gone for good as offline until it is restarted. `checks/reported-services`
 * makes statuses of that.
 */
import { type HttpContent, textOf } from "../client/http-content.js";
import { wholeNumber } from "../core/option.js";
import { serviceNameFault, WORKER_PREFIX } from "../core/service-name.js";
import { HttpProber } from "./http.js";
import type { ProberDeps, ProberOptions } from "./options.js";
import { type Discovered, fail, PASS, type ProbeResult, type Prober } from "./prober.js";

/** Workers that are published at most; those that are online come first. */
const MAX_WORKERS = 1_000;

/** Enough for 5,000 workers, the most that Celery remembers, under names of usual length. */
const MAX_BODY_BYTES = 1_048_576;

/** A prober of a Celery cluster. It keeps one connection, unless `reuse` is false. */
export function openFlower(target: URL, deps: ProberDeps, options: ProberOptions): Prober {
  const path = `${target.pathname.replace(/\/$/, "")}/api/workers?status=true`;
  const minWorkers = wholeNumber("minWorkers", options.minWorkers, 1);
  const evaluate = (response: HttpContent) => resultOf(response, minWorkers);
  return new HttpProber(target, { path, evaluate, needsBody: true, maxBodyBytes: MAX_BODY_BYTES }, deps, options);
}

function resultOf(response: HttpContent, minWorkers: number): ProbeResult {
  const { status, bodyFault, isCut } = response;
  const refusal = refusalOf(response);
  if (refusal !== undefined) return { ...fail("auth", refusal), advice: refusal };
  if (status === 404) return { ...fail("status", `HTTP status 404: ${PREFIX_ADVICE}`), advice: PREFIX_ADVICE };
  if (status !== 200) return fail(status >= 300 && status <= 399 ? "redirect" : "status", `HTTP status ${status}`);
  if (bodyFault !== undefined) return fail("answer", bodyFault);
  if (isCut) return fail("answer", `Flower's list of workers is longer than ${MAX_BODY_BYTES} bytes`);
  const workers = readWorkers(textOf(response));
  return workers === undefined
    ? fail("answer", "the answer is not that of Flower's API")
    : resultOfWorkers(workers, minWorkers);
}

const PREFIX_ADVICE = "the path of the target must be Flower's --url-prefix";

/** Why Flower refuses the request, and what to change; `undefined` when it does not refuse it. */
function refusalOf({ status, headers, body }: HttpContent): string | undefined {
  if (status === 401 && body.includes("FLOWER_UNAUTHENTICATED_API"))
    return (
      "Flower requires authentication for its API: start it with --basic-auth=name:password and put both into the" +
      " target, or start it with FLOWER_UNAUTHENTICATED_API=true"
    );
  if (status === 401 || status === 403)
    return "Flower refuses the name and password: put those of its --basic-auth into the target";
  if (status >= 300 && status <= 399 && headers.get("location")?.includes("/login") === true)
    return "Flower requires an interactive login (--auth); a check needs --basic-auth";
  return undefined;
}

/** Whether each worker is online, by its name; `undefined` when the text has another form. */
function readWorkers(text: string): ReadonlyMap<string, boolean> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const workers = new Map<string, boolean>();
  for (const [name, online] of Object.entries(value)) {
    if (typeof online !== "boolean") return undefined;
    workers.set(name, online);
  }
  return workers;
}

function resultOfWorkers(workers: ReadonlyMap<string, boolean>, minWorkers: number): ProbeResult {
  const online = [...workers].filter(([, isOnline]) => isOnline);
  const offline = [...workers].filter(([, isOnline]) => !isOnline);
  const named = [...online, ...offline].map(([name, isOnline]) => [`${WORKER_PREFIX}${name}`, isOnline] as const);
  const published = named.filter(([service]) => serviceNameFault(service) === undefined).slice(0, MAX_WORKERS);
  const discovered = new Map(published.map(([service, isOnline]) => [service, isOnline ? ONLINE : OFFLINE]));
  const skipped = named.length - published.length;
  const detail = `${online.length} of ${workers.size} workers are online${skipped === 0 ? "" : `, ${skipped} are not published`}`;
  if (online.length >= minWorkers) return { ...PASS, detail, discovered };
  const reason = online.length === 0 ? "no-workers" : "few-workers";
  return { ...fail(reason, `${detail}; minWorkers is ${minWorkers}`), discovered };
}

const ONLINE: Discovered = { outcome: "pass" };
const OFFLINE: Discovered = { outcome: "fail", reason: "offline" };
