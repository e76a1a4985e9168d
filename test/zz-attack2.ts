import { createServer as createHttp2Server, connect } from "node:http2";
import { createServer } from "node:http";
import { Health } from "../src/index.js";
import { subscribe } from "../src/core/channels.js";
import { frame, HEALTH, request } from "./support/grpc-peer.js";
import net from "node:net";
process.on("uncaughtException", (e) => console.log("UNCAUGHT", e));
process.on("unhandledRejection", (e) => console.log("UNHANDLED", e));
subscribe("fault", (f) => console.log("FAULT", f.where, f.error));
const listen = async (s: any) => { await new Promise<void>((r) => s.listen(0, "127.0.0.1", () => r())); return s.address().port as number; };
const sleep = (ms: number) => new Promise((r) => setTimeout(r, ms));
const raw = (port: number, text: string | Buffer, ms = 400) => new Promise<string>((resolve) => { const s = net.connect(port, "127.0.0.1"); let out = ""; s.on("data", (d) => { out += d.toString("latin1"); }); s.on("error", () => {}); s.write(text); setTimeout(() => { resolve(JSON.stringify(out.replace(/Date:.*?\r\n/g, "").slice(0, 700))); s.destroy(); }, ms); });
const health = new Health({ history: true });
health.set("a", "SERVING");
health.set("x//y", "NOT_SERVING"); health.set("100%", "NOT_SERVING"); health.set("\ufffe<&\uffff", "SERVING");
// HTTP/1
const h1 = createServer(health.handler()); const p1 = await listen(h1);
const pw = frame(request("a")); 
console.log("h1.0 events", await raw(p1, "GET /events HTTP/1.0\r\n\r\n"));
console.log("pipelined events+health", await raw(p1, "GET /events HTTP/1.1\r\nHost: x\r\n\r\nGET /healthcheck HTTP/1.1\r\nHost: x\r\n\r\n"));
console.log("pipelined health+events+health", await raw(p1, "GET /healthcheck HTTP/1.1\r\nHost: x\r\n\r\nGET /events HTTP/1.1\r\nHost: x\r\n\r\nGET /healthcheck HTTP/1.1\r\nHost: x\r\n\r\n"));
console.log("grpc-web half body abort", await raw(p1, Buffer.concat([Buffer.from(`POST ${HEALTH}/Watch HTTP/1.1\r\nHost: x\r\ncontent-type: application/grpc-web\r\ncontent-length: 100\r\n\r\n`), pw])));
console.log("grpc-web expect", await raw(p1, Buffer.concat([Buffer.from(`POST ${HEALTH}/Check HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\ncontent-type: application/grpc-web\r\ncontent-length: ${pw.length}\r\n\r\n`), pw])));
console.log("grpc over h1", await raw(p1, Buffer.concat([Buffer.from(`POST ${HEALTH}/Check HTTP/1.1\r\nHost: x\r\ncontent-type: application/grpc\r\ncontent-length: ${pw.length}\r\n\r\n`), pw])));
console.log("h1.0 watch", await raw(p1, Buffer.concat([Buffer.from(`POST ${HEALTH}/Watch HTTP/1.0\r\ncontent-type: application/grpc-web\r\ncontent-length: ${pw.length}\r\n\r\n`), pw])));
for (const id of ["", "x", "-1", `${"9".repeat(400)}`, "a-1, b-2", "%00", "\xff"]) console.log("LEI", JSON.stringify(id).slice(0, 20), (await raw(p1, Buffer.from(`GET /events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: ${id}\r\nLast-Event-ID: q-2\r\n\r\n`, "latin1"), 100)).slice(0, 330));
for (const p of ["/history?from=5&to=4", "/history?hours=99999999", "/history?hours=NaN", "/history?hours=-1", "/history?hours=2400", "/history?hours=1.5", "/history?from=99999999999", "/history?from=NaN", "/history?from=0&to=1", "/history?from=2026-13-45T99:99:00Z", "/history/x%2F%2Fy", "/history/100%25", "/history/100%", "/history/x//y", "/history/nope", "/history?service=nope", "/badge.svg?service=x%2F%2Fy", "/badge/100%25.svg", "/badge/%EF%BF%BE%3C%26%EF%BF%BF.svg", "/badge/nope.svg?uptime=24h", "/badge/a.svg?uptime=24H", "/badge/a.svg?uptime=24h", "/badge/a.svg.svg", "/badge/.svg", "/badge/a.svg?uptime=__proto__", "/badge/a.svg?uptime=", "/history/a?from=9999999999", "/history/a?from=2999-01-01T00:00:00Z&to=2999-01-02T00:00:00Z", "/events?" + "service=a&".repeat(200), "/events?service=%00", "/events?service="]) { const r = await raw(p1, `GET ${p} HTTP/1.1\r\nHost: x\r\n\r\n`, 60); console.log(p.slice(0, 60).padEnd(50), r.slice(10, 13), r.slice(r.indexOf("\\r\\n\\r\\n") + 8).slice(0, 260)); }
// 1000 watches, never read
const h2s = createHttp2Server(health.handler()); const p2 = await listen(h2s);
const c = connect(`http://127.0.0.1:${p2}`); c.on("error", () => {});
const mem0 = process.memoryUsage().heapUsed; let codes: Record<string, number> = {};
for (let i = 0; i < 1000; i += 1) { const s = c.request({ ":method": "POST", ":path": `${HEALTH}/Watch`, "content-type": "application/grpc" }); s.on("error", () => {}); s.on("trailers", (t) => { const k = String(t["grpc-status"]); codes[k] = (codes[k] ?? 0) + 1; }); s.on("response", () => { codes.resp = (codes.resp ?? 0) + 1; }); s.end(pw); s.pause(); }
await sleep(500);
for (let i = 0; i < 500; i += 1) { health.set("a", i % 2 ? "SERVING" : "NOT_SERVING"); if (i % 5 === 0) await sleep(1); }
console.log("watches", JSON.stringify(codes), Math.round((process.memoryUsage().heapUsed - mem0) / 1e6), "MB");
// events streams on one h2 connection
const c2 = connect(`http://127.0.0.1:${p2}`); c2.on("error", () => {}); codes = {};
for (let i = 0; i < 300; i += 1) { const s = c2.request({ ":path": "/events?service=a" }); s.on("error", () => {}); s.on("response", (h) => { const k = String(h[":status"]); codes[k] = (codes[k] ?? 0) + 1; }); s.resume(); }
await sleep(500); console.log("events on one connection", JSON.stringify(codes));
const t0 = Date.now(); await health.shutdown({ drainDelayMs: 0 }); console.log("shutdown ms", Date.now() - t0); await sleep(300); console.log(JSON.stringify(codes));
process.exit();
