/** `tls.allowClients`, `tls.minVersion` and `maxConnectionAge` in a file: what is taken, and what is refused at which place. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { configFlags } from "../../src/cli/serve-flags.js";
import { readConfigText } from "../../src/config/load.js";
import { requireValid, validateConfig } from "../../src/config/validate.js";
import { faultsOf, read } from "./reading.js";

const pem = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));
const PAIR = `tls:\n  certFile: ${pem("server.crt")}\n  keyFile: ${pem("server.key")}\n`;
const WITH_CA = `${PAIR}  clientCaFile: ${pem("ca.crt")}\n`;

describe("the rules of the server's TLS", () => {
  test("are any name of the CA's clients, TLS 1.2 and an hour, by default", () => {
    const { tls, maxConnectionAgeMs } = read(WITH_CA);
    assert.deepEqual([tls?.allowClients, tls?.minVersion, maxConnectionAgeMs], ["any", "1.2", 3_600_000]);
  });

  test("are taken as they are written", () => {
    const text = `${WITH_CA}  allowClients: { dns: a.example, uri: ["spiffe://example.org/**"] }\n  minVersion: 1.3\nmaxConnectionAge: 7d\n`;
    const { tls, maxConnectionAgeMs } = read(text);
    assert.deepEqual(tls?.allowClients, { dns: ["a.example"], uri: ["spiffe://example.org/**"] });
    assert.deepEqual([tls?.minVersion, maxConnectionAgeMs], [1.3, 604_800_000]);
  });

  const refused: readonly (readonly [text: string, faults: readonly RegExp[]])[] = [
    [`${PAIR}  allowClients: { dns: [a.example] }`, [/^4:\d+: tls\.allowClients: needs clientCaFile: without it/]],
    [`${WITH_CA}  allowClients: {}`, [/^5:\d+: tls\.allowClients: must have at least one name in dns or uri/]],
    [`${WITH_CA}  allowClients: [a.example]`, [/^5:\d+: tls\.allowClients: must be a table, not a list/]],
    [
      `${WITH_CA}  allowClients: { dns: [a.example, "*"], uri: ["spiffe://Example.org/a"] }`,
      [
        /^5:\d+: tls\.allowClients\.dns\[1\]: must be a DNS name/,
        /^5:\d+: tls\.allowClients\.uri\[0\]: must have a trust/,
      ],
    ],
    [`${WITH_CA}  allowClients: { cn: [a] }`, [/^5:\d+: tls\.allowClients\.cn: unknown key/]],
    [
      `${WITH_CA}  allowedClients: { dns: [a] }`,
      [/^5:\d+: tls\.allowedClients: unknown key; did you mean allowClients\?/],
    ],
    [`${WITH_CA}  minVersion: 1.1`, [/^5:\d+: tls\.minVersion: must be 1\.2 or 1\.3; got "?1\.1"?$/]],
    ["maxConnectionAge: 999ms", [/^1:19: maxConnectionAge: must be from 1s to 7d; got 999ms$/]],
    ["maxConnectionAge: 8d", [/^1:19: maxConnectionAge: must be from 1s to 7d; got 8d$/]],
  ];
  for (const [text, expected] of refused)
    test(`${text.split("\n").at(-1)?.trim()} is refused`, () => {
      const faults = faultsOf(text);
      assert.equal(faults.length, expected.length, faults.join("\n"));
      for (const [index, pattern] of expected.entries()) assert.match(faults[index] ?? "", pattern);
    });

  test("stay when flags replace the files", () => {
    const text = `${WITH_CA}  allowClients: { dns: [a.example] }\n`;
    const values = new Map([
      ["tls-cert", [pem("client.crt")]],
      ["tls-key", [pem("client.key")]],
    ]);
    const { tls } = requireValid(validateConfig(readConfigText("f.yaml", text, {}), configFlags(values)));
    assert.equal(tls?.certFile, pem("client.crt"));
    assert.notEqual(tls.clientCa, undefined);
    assert.deepEqual(tls.allowClients, { dns: ["a.example"] });
  });
});
