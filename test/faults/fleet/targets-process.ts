/**
 * Targets of a fleet in one process. Each path is a target.
 *
 *     GET  /NAME                  as NAME is: ok (200), fail (503), hang (no answer), dead (the connection is reset)
 *     POST /-/set?state=STATE     {"names": [...]}: they are so from now on
 *     POST /-/forget              counts from zero
 *     GET  /-/hits                {"NAME": {"ADDRESS": count}}
 *     GET  /-/gaps                {"NAME": milliseconds}: the longest time without a request
 */
import { createServer, type IncomingMessage } from "node:http";

const states = new Map<string, string>();
const hits = new Map<string, Record<string, number>>();
const gaps = new Map<string, { readonly hitAt: number; readonly longestMs: number }>();
let forgotAt = performance.now();

/** The longest gap of a target until now. */
function gapOf(name: string): number {
  const { hitAt, longestMs } = gaps.get(name) ?? { hitAt: forgotAt, longestMs: 0 };
  return Math.max(longestMs, performance.now() - hitAt);
}

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://targets");
  const name = pathname.slice(1);
  if (pathname === "/-/set") {
    for (const each of JSON.parse(await bodyOf(request)).names) states.set(each, searchParams.get("state") ?? "ok");
    response.end();
  } else if (pathname === "/-/forget") {
    hits.clear();
    gaps.clear();
    forgotAt = performance.now();
    response.end();
  } else if (pathname === "/-/hits") {
    response.end(JSON.stringify(Object.fromEntries(hits)));
  } else if (pathname === "/-/gaps") {
    response.end(JSON.stringify(Object.fromEntries([...hits.keys()].map((each) => [each, gapOf(each)]))));
  } else {
    gaps.set(name, { longestMs: gapOf(name), hitAt: performance.now() });
    const counts = hits.get(name) ?? {};
    const address = request.socket.remoteAddress ?? "";
    counts[address] = (counts[address] ?? 0) + 1;
    hits.set(name, counts);
    const state = states.get(name) ?? "ok";
    if (state === "dead") request.socket.resetAndDestroy();
    else if (state !== "hang") response.writeHead(state === "ok" ? 200 : 503).end();
  }
});
server.listen(Number(process.argv[2]), "0.0.0.0");

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of request) text += piece;
  return text;
}
