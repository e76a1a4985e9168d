/** HAProxy with the README's backend (`option httpchk` over HTTP/1 and over HTTP/2), and with checks in other forms. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Health } from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { portOf } from "../support/port-of.js";
import { snippet } from "../support/readme.js";
import { describeEngines } from "./engines.js";
import { debian } from "./install.js";
import { Running } from "./peers.js";

/** Asks HAProxy's stats socket. */
function ask(path: string, command: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes;
    });
    socket.on("close", () => resolve(text)).on("error", () => resolve(""));
    socket.write(`${command}\n`);
  });
}

/** Checks as people write them beside the README's. `PORT` stands for the port of healthbridge. */
const OTHER_CHECKS: Readonly<Record<string, string>> = {
  bare: "option httpchk",
  uri: "option httpchk /healthcheck/flower",
  asterisk: "option httpchk OPTIONS * HTTP/1.1\\r\\nHost:\\ www",
  absolute:
    "option httpchk\n  http-check send meth GET uri http://flower/healthcheck/flower ver HTTP/1.1 hdr Host another",
};

/** A backend of one server for each of them. */
const otherBackends = (port: number): string =>
  Object.entries(OTHER_CHECKS)
    .map(
      ([name, check]) =>
        `backend ${name}\n  ${check}\n  server ${name} 127.0.0.1:${port} check inter 1s fall 1 rise 1\n`,
    )
    .join("");

describeEngines("HAProxy", (engine) => {
  const health = new Health();
  const directory = mkdtempSync(join(tmpdir(), "healthbridge-"));
  const stats = join(directory, "stats.sock");
  let running: Running | undefined;

  /** Sets the service, and the server as a whole: `/` and `*` are about that. */
  const set = (...status: Parameters<Health["set"]> extends [string, ...infer Rest] ? Rest : never) => {
    for (const service of ["flower", ""]) health.set(service, ...status);
  };
  const state = async (server: string): Promise<string> => {
    const [head = "", ...rows] = (await ask(stats, "show stat")).replace(/^# /, "").split("\n");
    const columns = head.split(",");
    const row = rows.map((line) => line.split(",")).find((cells) => cells[columns.indexOf("svname")] === server);
    return row?.[columns.indexOf("status")] ?? "";
  };
  const becomes = async (word: RegExp) => {
    for (const server of ["sidecar", "sidecar-h2", ...Object.keys(OTHER_CHECKS)]) {
      await eventually(async () => word.test(await state(server)), `${server} is ${word}`, 40_000);
    }
  };

  before(async () => {
    set("SERVING");
    const server = await health.listen(["127.0.0.1:0"], { engine, paths: ["/"] });
    const port = portOf(server);
    const config = `
global
  stats socket ${stats} level admin
defaults
  mode http
  timeout connect 1s
  timeout client 1s
  timeout server 1s
${snippet("haproxy").replaceAll("127.0.0.1:8080", `127.0.0.1:${port}`)}
${otherBackends(port)}`;
    writeFileSync(join(directory, "haproxy.cfg"), config);
    running = new Running(debian("haproxy"), ["-db", "-f", join(directory, "haproxy.cfg")]);
    await eventually(async () => (await state("sidecar")) !== "", `HAProxy answers: ${running.output}`, 20_000);
  });
  after(async () => {
    await running?.stop();
    await health.shutdown({ drainDelayMs: 0 });
    rmSync(directory, { recursive: true });
  });

  test("a SERVING backend is up over both protocols", () => becomes(/^UP$/));

  test("a backend that is NOT_SERVING is down after its falls, and up again after its rises", async () => {
    set("NOT_SERVING");
    await becomes(/^DOWN$/);
    set("SERVING");
    await becomes(/^UP$/);
  });

  test("a degraded backend is up: degraded answers alone bring it back", async () => {
    set("NOT_SERVING");
    await becomes(/^DOWN$/);
    set("SERVING", { degraded: true });
    await becomes(/^UP$/);
  });

  test("a draining backend goes down", async () => {
    health.drain();
    await becomes(/^DOWN$/);
  });
});
