/** docs/tls.md: its snippet serves the client that it names, and no other one of the same authority. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { HealthClient } from "../../src/health-client.js";
import { certify, createSubject } from "../support/certificates.js";
import { eventually } from "../support/eventually.js";
import { testSnippets } from "./running-snippets.js";

const [authority, server, client] = [createSubject("ca"), createSubject("server"), createSubject("client")];
const ca = certify(authority, { isAuthority: true });

const folder = mkdtempSync(join(tmpdir(), "healthbridge-docs-"));
after(() => rmSync(folder, { recursive: true }));
const FILES = {
  "ca.crt": ca,
  "tls.crt": certify(server, { issuer: authority, hosts: ["127.0.0.1"] }),
  "tls.key": server.key,
};
for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);

const clientOf = (port: number, name: string) => {
  const cert = certify(client, { issuer: authority, names: [["dns", name]] });
  return new HealthClient(`127.0.0.1:${port}`, { tls: { ca, cert, key: client.key } });
};

const EXPECTED = {
  async allowClients({ port, output }) {
    const named = clientOf(port, "prober.example.org");
    const isServing = async () => (await named.check().catch(() => "")) === "SERVING";
    await eventually(isServing, `the named client is served: ${output()}`);
    const other = clientOf(port, "other.example.org");
    await assert.rejects(other.check());
    await Promise.all([named, other].map((each) => each.close()));
  },
} satisfies Parameters<typeof testSnippets>[1];

testSnippets("../tls", EXPECTED, { "/etc/healthbridge/": `${folder}/` });
