/**
 * The routes of the open set: what a client of an `open://` address may ask for.
 *
 *     /healthcheck, its other paths      a service, of which only the server as a whole and the views are known
 *     /livez, /readyz, /healthz, /startupz
 *     Check and List as JSON             over the same services
 *
 * A view has no form that is about checks: `?verbose`, `?exclude` and `/<check>` are not found. `?exclude` would tell whether a check
 * of that name exists and fails.
 */
import type { Route } from "./routes.js";

/** Whether a route is of the open set. Requests that have no route are refused in the same words everywhere. */
export function isOpenRoute(route: Route): boolean {
  switch (route.kind) {
    case "healthcheck":
    case "call":
    case "server":
    case "bad-request":
    case "target-too-long":
    case "none":
      return true;
    case "view":
      return route.check === undefined && !route.verbose && route.exclude.length === 0;
    case "heartbeat":
    case "metrics":
    case "events":
    case "badge":
    case "history":
    case "page":
    case "page-file":
      return false;
    default:
      return route satisfies never;
  }
}
