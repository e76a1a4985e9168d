/**
 * Programs that use the library and do nothing else. `process-end.test.ts` runs each as a child process.
 *
 * Each awaits one promise of the library. Node ends a process with exit code 13 when a module still awaits a promise and
 * no socket or timer keeps the process alive.
 */
import dns from "node:dns";
import { createServer } from "node:http";
import { syncBuiltinESMExports } from "node:module";
import { connect } from "node:net";
import { Health } from "../../src/index.js";

const print = (line: string) => void process.stdout.write(`${line}\n`);
const SHORT = { drainDelayMs: 150, closeTimeoutMs: 150 };

/** Resolves every name to 127.0.0.1 after a time, without keeping the process alive. */
function resolveSlowly(ms: number): void {
  const answer = { address: "127.0.0.1", family: 4 };
  const lookup = () => new Promise((resolve) => setTimeout(() => resolve(answer), ms).unref());
  Object.assign(dns.promises, { lookup });
  syncBuiltinESMExports();
}

const PROGRAMS: Readonly<Record<string, () => Promise<void>>> = {
  "the drain delay without a server of its own": async () => {
    const health = new Health();
    health.middleware();
    await health.shutdown(SHORT);
  },
  "the drain delay after its server was closed": async () => {
    const health = new Health();
    health.middleware();
    const server = await health.listen(["127.0.0.1:0"]);
    await server.close();
    await health.shutdown(SHORT);
  },
  "await using": async () => {
    await using health = new Health();
    health.middleware();
    print("used");
  },
  "a shutdown that is awaited twice": async () => {
    const health = new Health();
    health.middleware();
    await Promise.all([health.shutdown(SHORT), health.shutdown(SHORT)]);
  },
  "the close timeout of a client that never goes": async () => {
    const health = new Health();
    const server = await health.listen(["127.0.0.1:0"]);
    const [address] = server.addresses;
    if (address === undefined || !("port" in address)) throw new Error("no port");
    const client = connect(address.port, "127.0.0.1").unref();
    client.write("GET /livez HTTP/1.1\r\nhost: a\r\n\r\n");
    await new Promise((resolve) => client.once("data", resolve));
    client.on("error", () => {});
    await health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 150 });
  },
  "server.close()": async () => {
    const server = await new Health().listen(["127.0.0.1:0"]);
    await server.close();
  },
  "a listen whose host name resolves slowly": async () => {
    resolveSlowly(150);
    await using health = new Health();
    await health.listen(["slow.example:0"]);
    print("listening");
  },
  "checks that wait for their next probe": async () => {
    const health = new Health();
    health.check("a", () => true, { interval: "1h" });
    health.heartbeat("b", { ttl: "1h" });
    health.isolate({ selfCheck: () => true });
  },
  "code of the application that throws": async () => {
    const health = new Health();
    const fail = () => {
      throw new Error("the application's");
    };
    health.onTransition(fail);
    health.check("thrown", fail, { interval: 50, timeout: 40 });
    health.check("rejected", () => Promise.reject(), { interval: 50, timeout: 40 });
    health.check("late", () => new Promise((_, reject) => setTimeout(reject, 80)), { interval: 50, timeout: 40 });
    health.check("null", () => Promise.reject(null), { interval: 50, timeout: 40 });
    const statuses = () => ["thrown", "rejected", "late", "null"].map((name) => health.status(name));
    while (statuses().includes("UNKNOWN")) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 300));
    print(statuses().join());
    await health.shutdown({ drainDelayMs: 0 });
  },
  "a health that is left alone": async () => {
    const health = new Health({ metrics: true });
    health.set("a", "SERVING");
    health.middleware();
  },
  "an application's own server, closed before the shutdown": async () => {
    const health = new Health();
    const middleware = health.middleware();
    const server = createServer((request, response) => middleware(request, response, () => response.end()));
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    await new Promise((resolve) => void server.close(resolve));
    await health.shutdown(SHORT);
  },
};

const [, , name = ""] = process.argv;
await PROGRAMS[name]?.();
print("done");
