/** Answers requests that are read already, for an engine that reads them itself. */
import type { HttpAnswer, HttpRequest } from "./answer.js";
import { wantsBody } from "./body.js";
import { MAX_BODY_BYTES } from "./connect-json.js";
import type { Bridge } from "./render.js";
import { reply } from "./reply.js";

/** What answers a request that an engine of our own has read. */
export interface Responder {
  /** Octets of a body that is longer than any that is wanted. */
  readonly tooManyBodyBytes: number;
  /** Whether the answer depends on the body. */
  wantsBody(method: string, target: string): boolean;
  /** Answers by `send`, called once, now or later. */
  answer(request: HttpRequest, send: (answer: HttpAnswer) => void): void;
}

/** A responder for requests that are read already. */
export function createResponder(bridge: Bridge): Responder {
  return {
    tooManyBodyBytes: MAX_BODY_BYTES + 1,
    wantsBody: (method, url) => wantsBody(bridge, { method, url }),
    answer: (request, send) => reply(bridge, request, send),
  };
}
