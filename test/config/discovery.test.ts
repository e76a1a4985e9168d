/** The listeners of discovery in a file: what they become, and each mistake at its place. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { faultsOf, read } from "./reading.js";

const folder = mkdtempSync(join(tmpdir(), "hb-discovery-"));
after(() => rmSync(folder, { recursive: true }));
const token = join(folder, "token");
writeFileSync(token, "s3cret\n", { mode: 0o600 });
writeFileSync(join(folder, "two"), "two words\n", { mode: 0o600 });

const pem = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));
const mutual = `tls: { certFile: ${pem("server.crt")}, keyFile: ${pem("server.key")}, clientCaFile: ${pem("ca.crt")} }\n`;
const file = (discovery: string, more = "") => `${more}discovery: { ${discovery} }\n`;

test("discovery serves every form, unless a key says otherwise", () => {
  const { discovery, haproxyAgent } = read(file(`listen: ":8500", tokenFile: ${token}`));
  const forms = { consul: true, xds: true, prometheus: true };
  assert.deepEqual(discovery, { listen: [":8500"], token: "s3cret", forms });
  assert.equal(haproxyAgent, undefined);
  const some = read(file(`listen: [":8500", "unix:/d"], tokenFile: ${token}, xds: false, prometheus: false`)).discovery;
  assert.deepEqual(some?.forms, { consul: true, xds: false, prometheus: false });
  assert.deepEqual(some?.listen, [":8500", "unix:/d"]);
});

test("the agent has addresses, and no weights by default", () => {
  const agentOf = (text: string) => read(text).haproxyAgent;
  assert.deepEqual(agentOf('haproxyAgent: { listen: ":8501" }'), { listen: [":8501"], weights: false });
  const both = agentOf('haproxyAgent: { listen: [":8501", "unix:/a"], weights: true }');
  assert.deepEqual(both, { listen: [":8501", "unix:/a"], weights: true });
});

describe("a token is not required", () => {
  const addresses = ["127.0.0.1:8500", "127.1.2.3:8500", "[::1]:8500", "localhost:8500", "unix:/run/d.sock"];
  for (const address of addresses)
    test(`on ${address}`, () => assert.deepEqual(faultsOf(file(`listen: "${address}"`)), []));
  test("where clients must show a certificate", () => assert.deepEqual(faultsOf(file('listen: ":8500"', mutual)), []));
});

describe("a token is required", () => {
  const addresses = [":8500", "0.0.0.0:8500", "[::]:8500", "192.0.2.1:8500", "discovery.example:8500", "fd://3"];
  for (const address of addresses)
    test(`on ${address}`, () => {
      const [fault, ...others] = faultsOf(file(`listen: "${address}"`));
      assert.match(fault ?? "", /^1:12: discovery: needs tokenFile: .*shows the addresses of instances/);
      assert.deepEqual(others, []);
    });
  test("on one of several addresses, which the error names", () => {
    const [fault = ""] = faultsOf(file('listen: ["127.0.0.1:8500", "192.0.2.7:8500", "unix:/d"]'));
    assert.match(fault, /needs tokenFile: 192\.0\.2\.7:8500/);
  });
  test("on an address without TLS, where others need a certificate", () => {
    const [fault = ""] = faultsOf(file('listen: [":8500", "plain://:8502"]', mutual));
    assert.match(fault, /needs tokenFile: :8502/);
  });
});

describe("a mistake is refused at its place", () => {
  const rows: Readonly<Record<string, readonly [text: string, ...faults: RegExp[]]>> = {
    "no address": ["discovery: {}\n", /^1:12: discovery\.listen: is missing/],
    "an empty list": ["discovery: { listen: [] }\n", /discovery\.listen: must have at least one address/],
    "an address that is none": [file('listen: "8500"'), /^1:22: discovery\.listen\[0\]: address to listen on "8500"/],
    "open://": [file('listen: "open://127.0.0.1:1"'), /open:\/\/ is for the overall status; remove open:\/\//],
    "an address twice": [file('listen: ["127.0.0.1:1", "127.0.0.1:1"]'), /listen\[1\]: .* is listed twice/],
    "an address of listen": [file('listen: "127.0.0.1:1"', 'listen: ["127.0.0.1:1"]\n'), /is an address of listen$/],
    "an address of listen in clear text": [
      file('listen: "plain://127.0.0.1:1"', 'listen: ["127.0.0.1:1"]\n'),
      /is an address of listen$/,
    ],
    "the control socket": [file('listen: "unix:/c.sock"', "control: /c.sock\n"), /is an address of control$/],
    "an address of discovery in haproxyAgent": [
      file('listen: "127.0.0.1:1"', 'haproxyAgent: { listen: "127.0.0.1:1" }\n'),
      /^1:25: haproxyAgent\.listen\[0\]: .* is an address of discovery\.listen$/,
    ],
    "an agent without an address": ["haproxyAgent: {}\n", /haproxyAgent\.listen: is missing/],
    "a table as an address of the agent": [
      'haproxyAgent: { listen: [{ address: ":1" }] }\n',
      /haproxyAgent\.listen\[0\]: must be text/,
    ],
    "open:// of the agent": ['haproxyAgent: { listen: "open://:1" }\n', /remove open:\/\//],
    "an unknown form": [file('listen: "127.0.0.1:1", eureka: true'), /discovery\.eureka: unknown key/],
    "a misspelt form": [file('listen: "127.0.0.1:1", consull: true'), /did you mean consul\?/],
    "a form that is no switch": [file('listen: "127.0.0.1:1", xds: v3'), /discovery\.xds: must be true or false/],
    "no form": [
      file('listen: "127.0.0.1:1", consul: false, xds: false, prometheus: false'),
      /^1:12: discovery: has no form: consul, xds, prometheus are all false; set one to true, or remove discovery$/,
    ],
    "a token file that does not exist": [
      file('listen: ":1", tokenFile: /nowhere'),
      /discovery\.tokenFile: cannot read the file \/nowhere/,
    ],
    "a token of two words": [
      file(`listen: ":1", tokenFile: ${join(folder, "two")}`),
      /discovery\.tokenFile: .*two must contain one word without spaces/,
    ],
    "proxies that are none": [
      file('listen: [{ address: "127.0.0.1:1", proxyProtocol: { from: [x] } }]'),
      /discovery\.listen\[0\]\.proxyProtocol\.from: "x"/,
    ],
  };
  for (const [title, [text, ...expected]] of Object.entries(rows))
    test(title, () => {
      const faults = faultsOf(text);
      for (const [index, fault] of expected.entries()) assert.match(faults[index] ?? "", fault);
      assert.equal(faults.length, expected.length, faults.join("\n"));
    });
});

test("port 0 is another port each time: it may be given twice", () => {
  const text = 'listen: ["127.0.0.1:0"]\nhaproxyAgent: { listen: "127.0.0.1:0" }\n';
  assert.deepEqual(faultsOf(file('listen: ["127.0.0.1:0", "127.0.0.1:0"]', text)), []);
});

test("a token that every user can read is warned of", () => {
  const open = join(folder, "open");
  writeFileSync(open, "t", { mode: 0o644 });
  assert.match(
    read(file(`listen: ":1", tokenFile: ${open}`)).warnings.join("\n"),
    /every user of this machine can read/,
  );
});
