/**
 * No part of a secret is in what `healthbridge test` shows, in a message of a diagnostics channel, or in the output of a
 * command that is given one. Needs the build.
 */
import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { setMaxListeners } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { inspect } from "node:util";
import type { CheckDeclaration } from "../../src/checks/declarations.js";
import { testCheck } from "../../src/cli/test-run.js";
import { reportLine, reportText } from "../../src/cli/test-text.js";
import { readConfigText } from "../../src/config/load.js";
import { requireValid, validateConfig } from "../../src/config/validate.js";
import { Health } from "../../src/daemon/health.js";
import { eventually } from "../support/eventually.js";
import { type EchoTargets, startEchoTargets, stopEchoTargets } from "./echo-targets.js";
import { assertClean, environmentOf, type Planted, plantSecrets, start } from "./planted.js";
import { SECRETS } from "./traces.js";

const folder = mkdtempSync(join(tmpdir(), "healthbridge-secrets-"));
let targets: EchoTargets;
let planted: readonly Planted[];
let checks: readonly CheckDeclaration[];

before(async () => {
  targets = await startEchoTargets();
  planted = plantSecrets(targets, folder).filter((_, index) => index % 3 === 0);
  const entries = planted.map(({ entry }, index) => [`c${index}`, { ...entry, ...quick(entry) }]);
  const text = JSON.stringify({ allowExec: true, checks: Object.fromEntries(entries) });
  checks = requireValid(validateConfig(readConfigText("f.yaml", text, environmentOf(planted)))).checks;
});

after(async () => {
  await stopEchoTargets(targets);
  rmSync(folder, { recursive: true });
});

const quick = (entry: object) => ("heartbeat" in entry ? {} : { interval: "2s", timeout: "1s", unhealthyThreshold: 1 });

/** Fails with the places of all checks whose secret is shown. */
function assertAllClean(shown: readonly string[]): void {
  const leaks = shown.flatMap((text, index) => {
    try {
      assertClean(text, planted[index]?.label ?? "");
      return [];
    } catch (error) {
      return [`${planted[index]?.label}: ${JSON.stringify(planted[index]?.secret)} in ${inspect(error).slice(0, 700)}`];
    }
  });
  assert.equal(leaks.length, 0, [...new Map(leaks.map((leak) => [leak.split(":")[0], leak])).values()].join("\n"));
}

test("healthbridge test shows no secret: all of a report, its line and its JSON", { timeout: 120_000 }, async () => {
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  const options = { timeoutMs: 500, allowLinkLocal: false, environment: {}, signal };
  const shown: string[] = [];
  for (let at = 0; at < checks.length; at += 20) {
    const reports = await Promise.all(checks.slice(at, at + 20).map((check) => testCheck(check, options)));
    for (const report of reports)
      shown.push([reportText(report, false), reportLine(report, 10, true), JSON.stringify(report)].join("\n"));
  }
  assert.equal(shown.length, planted.length);
  assertAllClean(shown);
  assert.match(shown.join(""), /\*\*\*/);
});

test("no message of a diagnostics channel has a secret", { timeout: 120_000 }, async () => {
  const health = new Health();
  const messages: string[] = [];
  const seen = new Set<string>();
  const listener = (message: unknown) => {
    messages.push(inspect(message, { depth: 8, showHidden: true }));
    if (typeof message === "object" && message !== null && "check" in message) seen.add(String(message.check));
  };
  const page = readFileSync(new URL("../../docs/channels.md", import.meta.url), "utf8");
  const channels = [...new Set(page.match(/healthbridge:[a-z-]+/g))];
  assert.ok(channels.length > 20);
  for (const channel of channels) subscribe(channel, listener);
  const probed = checks.filter(({ source }) => source.kind !== "heartbeat");
  for (const { name, source, options } of probed)
    if (source.kind === "target") health.check(name, source.url, options);
    else if (source.kind === "exec") health.check(name, { exec: source.command }, options);
  await eventually(() => seen.size >= probed.length, "every check is probed", 60_000);
  await health.shutdown();
  for (const channel of channels) unsubscribe(channel, listener);
  assertClean(messages.join("\n"), "channels");
});

test("a command that is given a secret as an argument does not show it", { timeout: 120_000 }, async () => {
  const address = `127.0.0.1:${targets.closed.port}`;
  const secret = SECRETS[3] ?? "";
  const encoded = encodeURIComponent(secret);
  const file = join(folder, "valid.yaml");
  const entries = planted.map(({ entry }, index) => [`c${index}`, entry]);
  writeFileSync(file, JSON.stringify({ allowExec: true, checks: Object.fromEntries(entries) }));
  for (const args of [
    ["validate", file],
    ["test", `redis://me:${encoded}@${address}`],
    ["test", "--json", `http://127.0.0.1:${targets.http.port}/?token=${encoded}`],
    ["test", `tcp://me:${secret}@${address}`],
    ["test", `http://me:${secret}@`],
    ["test", "-c", file, "--timeout", "300ms"],
    ["probe", `-addr=${address}`, `-rpc-header=authorization: Bearer ${secret}`],
    ["conformance", address, "--rpc-header", `authorization:Bearer ${secret}`],
    ["serve", "--listen", "127.0.0.1:0", "--check", `a=tcp://me:${secret}@${address}`],
    ["serve", "--listen", "127.0.0.1:0", "--check", `a=redis://me:${secret}@${address}x`],
    ["serve", "--check", `me:${secret}@${address}`],
    ["serve", "--check", `=redis://me:${secret}@${address}`],
    ["serve", `redis://me:${secret}@${address}`],
    ["status", "a", `me:${secret}@x`],
  ]) {
    const run = start(args, environmentOf(planted));
    await eventually(() => run.isEnded, args.join(" "), 60_000);
    assert.notEqual(run.output, "");
    assertClean(run.output, args.join(" "));
  }
});
