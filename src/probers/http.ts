/**
 * `http://` and `https://`: passes when the target answers 200 to 299.
 *
 * A redirect is a failure and is not followed: whoever controls a target could point us at anything (Consul's
 * CVE-2022-29153). The body is read, to its end or for 64 KiB, so that the connection can be kept for the next probe.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { fail, PASS, type ProbeContext, type ProbeResult, type Prober } from "./prober.js";
import { resultOfError } from "./reasons.js";

const MAX_BODY_BYTES = 64 * 1024;

/** Headers that are longer are a broken target. */
const MAX_HEADER_BYTES = 16 * 1024;

/** A prober of a web address. It keeps one connection. */
export function openHttp(target: URL): Prober {
  const secure = target.protocol === "https:";
  const agent = new (secure ? HttpsAgent : HttpAgent)({ keepAlive: true, maxSockets: 1 });
  const request = secure ? httpsRequest : httpRequest;

  const get = ({ signal, timeoutMs }: ProbeContext, mayRetry: boolean): Promise<ProbeResult> =>
    new Promise((resolve, reject) => {
      // Node hands the options of a connection on to it; its types leave them out here
      const connection = { autoSelectFamilyAttemptTimeout: Math.ceil(timeoutMs / 2) };
      const headers = { accept: "*/*", "user-agent": "healthbridge" };
      const outgoing = request(target, { agent, signal, headers, maxHeaderSize: MAX_HEADER_BYTES, ...connection });
      let answered = false;
      outgoing.once("response", (response) => {
        answered = true;
        readAnswer(response).then(resolve, reject);
      });
      outgoing.once("error", (error) => {
        // the target closed the kept connection just when we used it again: that is no failure, a fresh one will tell
        if (outgoing.reusedSocket && mayRetry && !signal.aborted) resolve(get({ signal, timeoutMs }, false));
        else reject(error);
      });
      outgoing.on("error", () => {}); // a second one, after the answer was judged, would end the process
      // a target that switches protocols unasked is hung up on by Node, which calls that neither answer nor error
      outgoing.once("close", () => {
        if (!answered) resolve(fail("closed", "the connection ended without an answer"));
      });
      outgoing.end();
    });

  return {
    probe: (context) => get(context, true).catch(resultOfError),
    close: () => agent.destroy(),
  };
}

/** Judges by the status, once the body is there or long enough. */
async function readAnswer(response: IncomingMessage): Promise<ProbeResult> {
  let length = 0;
  for await (const chunk of response) {
    length += (chunk as Buffer).length;
    if (length > MAX_BODY_BYTES) break; // ends the connection
  }
  const { statusCode = 0 } = response;
  if (statusCode >= 200 && statusCode <= 299) return PASS;
  const reason = statusCode >= 300 && statusCode <= 399 ? "redirect" : "status";
  return fail(reason, `HTTP status ${statusCode}, expected 200-299`);
}
