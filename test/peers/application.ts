/** An application of `node:http` with a health on its own server, as the users of other packages have it. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { TestContext } from "node:test";
import type { RouteOptions } from "../../src/daemon/integrations.js";
import { type GracefulShutdownOptions, gracefulShutdown, Health, type HealthOptions } from "../../src/index.js";
import { VirtualClock } from "../support/virtual-clock.js";

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Headers;
}

/** Serves an application that answers `application PATH`, and a health whose time the test moves. */
export async function serveApplication(t: TestContext, options: HealthOptions & RouteOptions = {}) {
  const { paths, ...healthOptions } = options;
  const clock = new VirtualClock();
  const health = new Health({ clock, random: () => 0.5, ...healthOptions });
  const server = createServer((request, response) => void response.end(`application ${request.url}`));
  health.attach(server, { paths });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
    // in virtual time, it may never end
    void health.shutdown({ drainDelayMs: 0 });
  });
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  const origin = `http://127.0.0.1:${address.port}`;
  const get = async (path: string, init: RequestInit = {}): Promise<Answer> => {
    const response = await fetch(`${origin}${path}`, { ...init, headers: { connection: "close", ...init.headers } });
    return { status: response.status, body: await response.text(), headers: response.headers };
  };
  /** The status code and the body. */
  const ask = async (path: string, init: RequestInit = {}): Promise<string> => {
    const { status, body } = await get(path, init);
    return `${status} ${body}`;
  };
  return { health, server, clock, get, ask };
}

/** JSON of an answer. */
export const JSON_FORM: RequestInit = { headers: { accept: "application/json" } };

/** A shutdown of the health and servers in real time, with what its hooks have done. */
export function prepareShutdown(options: Omit<GracefulShutdownOptions, "signals" | "log">) {
  const lines: string[] = [];
  const shutdown = gracefulShutdown({ ...options, signals: [], log: (line) => void lines.push(line) });
  return { shutdown, lines };
}
