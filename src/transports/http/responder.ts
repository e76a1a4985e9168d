/** The bridge for an engine that reads requests itself. */
import type { HttpResponder } from "../../wire/http-message.js";
import { wantsBody } from "./body.js";
import { MAX_BODY_BYTES } from "./connect-json.js";
import type { Bridge } from "./render.js";
import { reply } from "./reply.js";

/** A responder that answers from the bridge. */
export function createResponder(bridge: Bridge): HttpResponder {
  return {
    tooManyBodyBytes: MAX_BODY_BYTES + 1,
    wantsBody: (method, url) => wantsBody(bridge, { method, url }),
    answer: (request, send) => reply(bridge, request, send),
  };
}
