/**
 * One request answered, whatever carries it: finds the route, gets the answer, tells of it, has it sent.
 *
 * All answers but one are there at once; the page of `/metrics` is the one to wait for. It is 200 however ill the
 * services are: a scraper that is refused learns nothing.
 */
import { background } from "../../core/background.js";
import { isAuthorized } from "../../core/bearer-token.js";
import { publish } from "../../core/channels.js";
import type { HttpAnswer, HttpRequest } from "../../wire/http-message.js";
import { methodNotAllowed, textAnswer, unauthenticated } from "./answer.js";
import { type Bridge, render, routeOf } from "./render.js";
import type { Route } from "./routes.js";

/** The media type of Prometheus' text format. */
export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Answers a request by `send`, which is called once: in this very step, or for metrics when they are there. */
export function reply(bridge: Bridge, request: HttpRequest, send: (answer: HttpAnswer) => void): void {
  const route = routeOf(bridge, request.target);
  const finish = (answer: HttpAnswer) => {
    tellAnswered(bridge, route, answer);
    send(answer);
  };
  if (route.kind !== "metrics") finish(render(bridge, route, request));
  else background(renderMetrics(bridge, request).then(finish), bridge.reader.instance, "an answer with metrics");
}

/** Publishes that a request was answered. Of the route its kind alone is told, and no word of the client's. */
export function tellAnswered({ reader }: Bridge, route: Route, { status }: HttpAnswer): void {
  publish("http-request", {
    instance: reader.instance,
    route: route.kind === "view" ? route.path : route.kind,
    status,
  });
}

/** The names of services and checks are in it, so who may not have their list may not have this. */
async function renderMetrics(bridge: Bridge, request: HttpRequest): Promise<HttpAnswer> {
  const { metrics, token, reader } = bridge;
  if (metrics === undefined) return textAnswer(404, "NOT_FOUND");
  if (request.method !== "GET" && request.method !== "HEAD") return methodNotAllowed("GET, HEAD");
  if (!isAuthorized(request.authorization, token)) return unauthenticated();
  try {
    return textAnswer(200, await metrics(), { "content-type": METRICS_CONTENT_TYPE });
  } catch (error) {
    publish("fault", { instance: reader.instance, where: "metrics", error });
    return textAnswer(500, "INTERNAL_SERVER_ERROR");
  }
}
