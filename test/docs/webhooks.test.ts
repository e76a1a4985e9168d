/** The page of the webhooks: its configurations are valid, its example is what is sent, and its snippets verify signatures. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { encodeMessage } from "../../src/hooks/webhook-forms.js";
import { signedHeaders, signingKey } from "../../src/hooks/webhook-signature.js";
import { METRICS } from "../../src/telemetry/metric-table.js";
import { parseConfig } from "../config/reading.js";
import { configKeys } from "../support/config-table.js";
import { blocksOf } from "./pages.js";

const page = readFileSync(new URL("../../docs/webhooks.md", import.meta.url), "utf8");
const folder = mkdtempSync(join(tmpdir(), "healthbridge-docs-"));
after(() => rmSync(folder, { recursive: true }));

test("each configuration of the page is valid", () => {
  const slack = join(folder, "slack-url");
  writeFileSync(slack, "https://hooks.slack.com/services/T/B/x\n", { mode: 0o600 });
  const environment = { HOOK_SECRET: "0123456789abcdef", HOOK_TOKEN: "x" };
  const [first, second, ...others] = blocksOf(page, "yaml").map((text) =>
    parseConfig("docs/webhooks.md", text.replace("/run/secrets/slack-url", slack), environment),
  );
  assert.deepEqual([first?.webhooks.length, second?.webhooks.length, others.length], [1, 3, 0]);
});

test("the table of settings has every key, with its default", () => {
  const rows = [...page.matchAll(/^\| `(\w+)` \|([^|]*)\|/gm)].map(([, key, fallback]) => [key, fallback?.trim()]);
  const keys = configKeys().flatMap(([path, meaning]) => {
    const key = /^webhooks\.NAME\.(\w+)$/.exec(path)?.[1];
    const fallback = /Default:? (.*)\.$/.exec(meaning)?.[1] ?? "";
    return key === undefined ? [] : [[key, fallback]];
  });
  const plain = (text: string | undefined) => (text ?? "").replaceAll("`", "").replace(/^those that are /, "");
  assert.deepEqual(
    rows.filter(([key]) => keys.some(([known]) => known === key)).map(([key, fallback]) => [key, plain(fallback)]),
    keys.map(([key, fallback]) => [key, plain(fallback)]),
  );
});

test("the example of the form json is what is sent", () => {
  const [example = ""] = blocksOf(page, "json");
  const at = Date.UTC(2026, 0, 5, 10, 0, 3);
  const id = "mjzk2c9s0a1b-41";
  const causes = [{ check: "broker", reason: "refused" }];
  const outage = { id, service: "celery", status: "NOT_SERVING", at, since: at, reason: "refused", causes } as const;
  const message = {
    id,
    kind: "change",
    at: at + 25_000,
    changes: [{ ...outage, severity: "critical" }],
    omitted: 0,
  } as const;
  const sent = encodeMessage("json", message, { instance: "hb-1", sentAt: at + 25_000 });
  assert.equal(JSON.stringify(JSON.parse(example)), sent);
});

const SECRET = "0123456789abcdef";
const BODY = '{"text":"é"}';
const signed = (sentAt: number) => signedHeaders({ id: "e-1", body: BODY, sentAt }, signingKey(SECRET));

test("the snippet for Node accepts a request of ours, and no other", async () => {
  const file = join(folder, "verify.mjs");
  writeFileSync(file, blocksOf(page, "js")[0] ?? "");
  const { verify } = await import(pathToFileURL(file).href);
  assert.equal(verify(signed(Date.now()), BODY, SECRET), true);
  assert.equal(verify(signed(Date.now()), `${BODY} `, SECRET), false);
  assert.equal(verify(signed(Date.now()), BODY, "another key of 16 bytes"), false);
  assert.equal(verify(signed(Date.now() - 600_000), BODY, SECRET), false);
});

test("the snippet for Python accepts a request of ours, and no other", () => {
  const verify = (headers: object, body: string, secret: string) => {
    const call = `import json, sys\nheaders, body, secret = json.load(sys.stdin)\nprint(verify(headers, body.encode(), secret))\n`;
    const code = `${blocksOf(page, "python")[0] ?? ""}\n${call}`;
    return execFileSync("python3", ["-c", code], { input: JSON.stringify([headers, body, secret]), encoding: "utf8" });
  };
  assert.equal(verify(signed(Date.now()), BODY, SECRET).trim(), "True");
  assert.equal(verify(signed(Date.now()), `${BODY} `, SECRET).trim(), "False");
  assert.equal(verify(signed(Date.now() - 600_000), BODY, SECRET).trim(), "False");
});

test("each metric of the page exists", () => {
  const metrics: readonly string[] = Object.values(METRICS).map(({ name }) => name);
  const named = [...page.matchAll(/\bhealthbridge_\w+/g)].map(([name]) => name);
  assert.ok(named.length >= 4);
  for (const name of named) assert.ok(metrics.includes(name), name);
});
