/** docs/tls.md: its configurations are valid, its program serves whom it says, and its tables are those of the code. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { connect } from "node:tls";
import { DEFAULT_CONFIG } from "../../src/config/daemon-config.js";
import { type ClientNames, clientRefusal } from "../../src/core/allowed-clients.js";
import { tlsServerOptions } from "../../src/listener/tls.js";
import { parseConfig } from "../config/reading.js";
import { certify, createSubject } from "../support/certificates.js";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { notOutlive } from "../support/not-outlive.js";
import { tableOf } from "../support/readme.js";
import { blocksOf } from "./pages.js";
import { SnippetFolder } from "./snippets.js";

const page = readFileSync(new URL("../../docs/tls.md", import.meta.url), "utf8");
const folder = mkdtempSync(join(tmpdir(), "healthbridge-docs-tls-"));
after(() => rmSync(folder, { recursive: true }));

const authority = createSubject("CA");
const [server, client] = [createSubject("server"), createSubject("client")];
const ca = certify(authority);
const pair = { cert: certify(server, { issuer: authority, hosts: ["localhost"] }), key: server.key };
for (const [name, text] of Object.entries({ "tls.crt": pair.cert, "tls.key": pair.key, "ca.crt": ca }))
  writeFileSync(join(folder, name), text, { mode: 0o600 });
const here = (text: string) => text.replaceAll("/etc/healthbridge", folder);

const ticked = (cell: string | undefined) => [...(cell ?? "").matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);

test("each configuration of the page is valid", () => {
  const [open, restricted, ...others] = blocksOf(page, "yaml").map((text) =>
    parseConfig("docs/tls.md", here(text), {}),
  );
  assert.deepEqual([open?.tls?.allowClients, others.length], ["any", 0]);
  assert.deepEqual(Object.keys(restricted?.tls?.allowClients ?? {}), ["dns", "uri"]);
});

test("each pattern of the table of SPIFFE IDs is one, and matches what it says", () => {
  const names: ClientNames = { dns: [], uri: ["spiffe://example.org/ns/shop/sa/prober"], isAuthority: false };
  const patterns = [...page.matchAll(/^\| `(spiffe:[^`]+)` \|/gm)].map(([, pattern = ""]) => pattern);
  assert.equal(patterns.length, 4);
  for (const pattern of patterns) assert.equal(clientRefusal({ uri: [pattern] }, names), undefined, pattern);
});

test("the policy has every cipher, and the age of connections is the default", () => {
  const rows = new Map(tableOf(page, "policy").map(([what = "", rule]) => [what, rule]));
  const ciphers = [...ticked(rows.get("ciphers of TLS 1.3")), ...ticked(rows.get("ciphers of TLS 1.2"))];
  assert.equal(ciphers.join(":"), tlsServerOptions(pair).ciphers);
  assert.deepEqual(ticked(rows.get("ALPN")).slice(0, 2), tlsServerOptions(pair).ALPNProtocols);
  assert.equal(DEFAULT_CONFIG.maxConnectionAgeMs, 3_600_000);
  assert.match(page, /`maxConnectionAge` \(1h by default, varied by 10 %\)/);
});

describe("the program of the page", () => {
  const snippets = new SnippetFolder();
  after(() => snippets.remove());
  const [code = ""] = blocksOf(page, "ts");

  test("compiles in strict mode", { timeout: 120_000 }, async () => {
    snippets.write("tls.mts", code);
    assert.equal(await snippets.compile(), "");
  });

  test("serves the client that it allows, and no other", { timeout: 60_000 }, async (t) => {
    const port = await freePort();
    const file = snippets.write("run.mts", here(code), { '":50051"': `"127.0.0.1:${port}"` });
    const program = spawn(process.execPath, ["--import", "tsx", file], { stdio: ["ignore", "ignore", "inherit"] });
    notOutlive(program, () => program.kill("SIGKILL"));
    t.after(() => program.kill("SIGKILL"));
    const ask = (name: string) =>
      new Promise<"served" | "refused" | "not listening">((resolve) => {
        const identity = { ca, cert: certify(client, { issuer: authority, hosts: [name] }), key: client.key };
        const socket = connect({ port, host: "127.0.0.1", servername: "localhost", ...identity });
        socket.write("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
        socket.once("data", () => {
          resolve("served");
          socket.destroy();
        });
        socket.on("error", (error) => resolve(error.message.includes("ECONNREFUSED") ? "not listening" : "refused"));
        socket.once("close", () => resolve("refused"));
      });
    await eventually(async () => (await ask("prober.example.org")) === "served", "the allowed client is served");
    assert.equal(await ask("other.example.org"), "refused");
  });
});
