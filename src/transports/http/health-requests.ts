/**
 * Which requests are for the health routes: for access logs and tracers, which see a request before or after the middleware,
 * with its whole path.
 *
 * A middleware does not know under which path an application has mounted it. It learns the path from the first request that
 * it answers: a framework removes the mount path from `url`, and keeps the whole target in `originalUrl`.
 *
 *     app.use("/internal", health.middleware())    url /healthcheck, originalUrl /internal/healthcheck
 */

/** Mount paths and paths that are remembered. A mount path with a parameter, `/:tenant`, has no end of them. */
const MAX_PATHS = 100;

export class HealthRequests {
  readonly #answered = new WeakSet<object>();
  readonly #mounts = new Set<string>();
  readonly #paths = new Set<string>();

  /** Remembers a request that is answered, and the mount path under which it came. */
  onAnswer(request: object, url: string, originalUrl: string = url): void {
    this.#answered.add(request);
    const mount = originalUrl.endsWith(url) ? originalUrl.slice(0, -url.length) : "";
    if (mount !== "" && !/[?#]/.test(mount)) remember(this.#mounts, mount);
  }

  /** Remembers paths that mean `/healthcheck`. */
  addPaths(paths: readonly string[]): void {
    for (const path of paths) remember(this.#paths, path);
  }

  /** Whether the request was answered, or `hasRoute` is true for its target without a mount path. */
  has(request: object, target: string, hasRoute: (target: string, paths: readonly string[]) => boolean): boolean {
    if (this.#answered.has(request)) return true;
    const paths = [...this.#paths];
    if (hasRoute(target, paths)) return true;
    // a web request has an absolute target
    const path = target.replace(/^https?:\/\/[^/?#]*/i, "");
    return [...this.#mounts].some((mount) => path.startsWith(`${mount}/`) && hasRoute(path.slice(mount.length), paths));
  }
}

function remember(paths: Set<string>, path: string): void {
  if (paths.size < MAX_PATHS) paths.add(path);
}
