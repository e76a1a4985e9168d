/**
 * No part of a secret is in a log, an error, a page or a metric, wherever the secret is and whatever characters it has.
 * Needs the build.
 *
 *     places x secrets --> serve, at every level of the log, with targets that refuse and repeat what they were sent
 *                      --> validate and the library, with a mistake beside each secret
 *                                   '--> all output: no four characters of any secret
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { readConfigText } from "../../src/config/load.js";
import { requireValid, validateConfig } from "../../src/config/validate.js";
import { HealthError } from "../../src/core/health-error.js";
import { Health } from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { type EchoTargets, startEchoTargets, stopEchoTargets } from "./echo-targets.js";
import { MISTAKES } from "./places.js";
import { assertClean, environmentOf, numbered, type Planted, plantSecrets, start } from "./planted.js";
import { SECRETS, Traces } from "./traces.js";

const folder = mkdtempSync(join(tmpdir(), "healthbridge-secrets-"));

let targets: EchoTargets;
let planted: readonly Planted[];

before(async () => {
  targets = await startEchoTargets();
  planted = plantSecrets(targets, folder);
});

after(async () => {
  await stopEchoTargets(targets);
  rmSync(folder, { recursive: true });
});

test("a part of a secret is found, and other text is none", () => {
  for (const secret of SECRETS)
    for (const text of [secret, secret.slice(3, 7), Buffer.from(`me:${secret}`).toString("base64").slice(6)])
      assert.ok(new Traces([secret]).in(`x ${text} x`).has(secret), secret);
  assertClean("the quick brown fox, 12/34, %41, 127.0.0.1:5432", "other text");
});

test("serve shows no secret: log, pages, events and metrics", { timeout: 120_000 }, async () => {
  const checks = Object.fromEntries(planted.map(({ entry }, index) => [`c${index}`, { ...entry, ...quick(entry) }]));
  const token = SECRETS[0] ?? "";
  writeFileSync(join(folder, "token"), token, { mode: 0o600 });
  const file = join(folder, "serve.yaml");
  const control = join(folder, "control.sock");
  writeFileSync(
    file,
    JSON.stringify({ listen: ["127.0.0.1:0"], tokenFile: join(folder, "token"), control, allowExec: true, checks }),
  );
  const run = start(["serve", "-c", file, "--log-level", "debug"], environmentOf(planted));
  try {
    // without a token of OAuth2 there is no probe, and at most ten such lines a second
    const isProbed = (index: number) =>
      planted[index]?.label.includes("OAuth2")
        ? run.output.includes('"event":"prober-failed"')
        : run.output.includes(`"event":"probe","check":"c${index}"`);
    let probed = 0;
    await eventually(
      () => {
        while (probed < planted.length && isProbed(probed)) probed += 1;
        return run.isEnded || probed === planted.length;
      },
      "every check is probed",
      90_000,
    );
    assert.ok(!run.isEnded, run.output.slice(0, 2_000));
    const port = Number(/"addresses":\["127\.0\.0\.1:(\d+)"/.exec(run.output)?.[1]);
    for (const path of ["/", "/healthcheck", "/readyz?verbose", "/metrics", "/startupz?verbose", "/badge/c0.svg"])
      for (const accept of ["text/html", "application/health+json"])
        assertClean(withoutIcon(await get(port, path, token, accept)), `${path} as ${accept}`);
    for (const [index, { secret, label }] of planted.entries()) {
      if (!label.includes("heartbeat")) continue;
      for (const given of [secret, `${secret}x`])
        assertClean(await get(port, `/heartbeat/c${index}`, given, "text/html", "POST"), label);
    }
    assertClean(await get(port, "/events", token, "text/event-stream"), "/events");
    for (const args of [["status"], ["status", "--json"], ["status", "c0"], ["drain", "c0"], ["resume"], ["reload"]]) {
      const call = start([...args, "--control", control], environmentOf(planted));
      await eventually(() => call.isEnded, args.join(" "));
      assert.notEqual(call.output, "");
      assertClean(call.output, args.join(" "));
    }
    assert.match(run.output, /\*\*\*/, "something was masked");
    run.child.kill("SIGTERM");
    await eventually(() => run.isEnded, "the daemon ends", 30_000);
    assertClean(run.output, "the log");
  } finally {
    run.child.kill("SIGKILL");
  }
});

/** The icon of the page is a drawing of ours, percent-encoded: it has characters that encoded secrets have too. */
const withoutIcon = (page: string) => page.replace(/<link rel="icon"[^>]*>/, "");

/** Many checks, each of which fails at once. */
const quick = (entry: object) => ("heartbeat" in entry ? {} : { interval: "2s", timeout: "1s", unhealthyThreshold: 1 });

/** The whole answer, with its head: at most what comes in two seconds. */
function get(port: number, path: string, token: string, accept: string, method = "GET"): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    socket.setTimeout(path === "/events" ? 2_000 : 10_000, () => socket.destroy());
    socket.on("data", (bytes) => {
      text += bytes;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(text));
    const head = [`${method} ${path} HTTP/1.1`, "host: x", `authorization: Bearer ${token}`, `accept: ${accept}`];
    socket.write(Buffer.from([...head, "content-length: 0", "connection: close", "", ""].join("\r\n"), "latin1"));
  });
}

describe("no error shows a secret beside a mistake", () => {
  for (const [label, change] of MISTAKES)
    test(label, () => {
      for (const place of planted) {
        const index = SECRETS.indexOf(place.secret);
        const changed = numbered(change(place.entry), index, "");
        const file = join(folder, `secret-${index}`);
        const entry = JSON.parse(JSON.stringify(changed).replaceAll("${file:}", `\${file:${file}}`));
        const faults = faultsOf(
          { allowExec: true, checks: { a: entry }, overall: ["${S}".replace("S", `S${index}`)] },
          place.environment,
        );
        assert.notEqual(faults, "", place.label);
        assertClean(faults, `${label} in ${place.label}`);
      }
    });
});

function faultsOf(config: object, environment: Readonly<Record<string, string>>): string {
  try {
    requireValid(validateConfig(readConfigText("f.yaml", JSON.stringify(config), environment)));
    return "";
  } catch (error) {
    assert.ok(error instanceof HealthError, String(error));
    return error.message;
  }
}

test("validate and serve print the same, without a secret", { timeout: 60_000 }, async () => {
  const checks = Object.fromEntries(
    planted.map(({ entry }, index) => [`c${index}`, { ...entry, pasword: "x", interval: "0s" }]),
  );
  const file = join(folder, "invalid.yaml");
  writeFileSync(file, JSON.stringify({ allowExec: true, checks, listen: [":0"] }));
  for (const args of [
    ["validate", file],
    ["validate", "--no-env", file],
    ["serve", "-c", file],
  ]) {
    const run = start(args, environmentOf(planted));
    await eventually(() => run.isEnded, args.join(" "), 30_000);
    assert.match(run.output, /c0\.pasword: unknown key/);
    assertClean(run.output, args.join(" "));
  }
});

test("the library shows no secret, as options and in URLs that are not encoded", () => {
  for (const secret of SECRETS) {
    const health = new Health();
    const errors: string[] = [];
    const attempt = (action: () => void) => {
      try {
        action();
      } catch (error) {
        const { message, cause, stack } = error instanceof Error ? error : new Error(String(error));
        errors.push(message, stack ?? "", String(cause));
      }
    };
    for (const scheme of ["http", "redis", "postgres", "mysql", "amqp", "tcp", "grpc", "dns", "nope", "unix"]) {
      attempt(() => health.check("a", `${scheme}://me:${secret}@127.0.0.1:1/x/%zz#x`));
      attempt(() => health.check("b", `${scheme}://me:${secret}@127.0.0.1:99999`));
      attempt(() => health.check("c", `${scheme}://me:x@127.0.0.1:1`, { password: secret, user: secret }));
      attempt(() => health.check("d", `${scheme}://127.0.0.1:1`, { headers: { te: secret }, password: `${secret}\0` }));
      attempt(() => health.isolate({ selfCheck: `${scheme}://me:${secret}@` }));
    }
    attempt(() => health.heartbeat("e", { ttl: "1x", token: `${secret} ${secret}` }));
    assert.ok(errors.length >= 30, `${errors.length}`);
    assertClean(errors.join("\n"), "errors");
    void health.shutdown();
  }
});
