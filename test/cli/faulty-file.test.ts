/** What `test` and `validate` say about a file with errors, and about values that are missing. Needs the build. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is what a file contains
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { httpTarget } from "../probers/targets.js";
import { run } from "./program.js";

const directory = mkdtempSync(join(tmpdir(), "healthbridge-faulty-"));
const file = (name: string, text: string) => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};
after(() => rmSync(directory, { recursive: true }));

describe("test NAME", { concurrency: 2 }, () => {
  for (const [label, more, count] of [
    ["another check with a bad option", 'b: { target: "http://h/", method: a b, tls: {} }', "2 errors"],
    ["another check with a bad target", "b: ftp://h", "1 error"],
    ["another check of an unknown shape", "b: [a]", "1 error"],
    ["another check without its variable", 'b: { target: "redis://h", password: "${HB_NO_SUCH}" }', "1 error"],
    ["another check without its file", 'b: { target: "https://h", tls: { caFile: /no/such } }', "1 error"],
    ["a service with an unknown member", "}\nservices: { s: [nope]", "1 error"],
  ] as const)
    test(`probes the check beside ${label}, and warns`, async () => {
      const target = await httpTarget((_, response) => void response.end("OK"));
      const path = file(`${label}.yaml`, `checks: { a: "http://127.0.0.1:${target.port}/", ${more} }`);
      const [one, all] = await Promise.all([run("test", "a", "-c", path), run("test", "-c", path)]);
      await target.stop();
      assert.deepEqual([one.code, all.code], [0, 2], one.stderr);
      assert.match(one.stdout, /^verdict +pass$/m);
      assert.equal(
        one.stderr,
        `warning: ${path} has ${count} outside of this check; healthbridge validate shows them\n`,
      );
    });

  for (const [label, text] of [
    ["itself", "checks: { a: ftp://h, b: ftp://h }"],
    ["an option of itself", 'checks: { a: { target: "http://h/", method: a b } }'],
    ["the defaults", "defaults: { timeout: 5x }\nchecks: { a: tcp://h:1 }"],
    ["an unknown key at the top", "lissen: 1\nchecks: { a: tcp://h:1 }"],
    ["the syntax", "checks: { a: tcp://h:1"],
  ] as const)
    test(`refuses a file with an error in ${label}`, async () => {
      const path = file(`${label}.yaml`, text);
      const { code, stdout, stderr } = await run("test", "a", "-c", path);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.ok(stderr.startsWith(path), stderr);
    });
});

describe("validate without values that the file needs", { concurrency: 2 }, () => {
  const HINT =
    "healthbridge: --no-env: values are missing here; to check the file without them, try: healthbridge validate --no-env\n";
  for (const [label, value] of [
    ["a variable", "${HB_NO_SUCH}"],
    ["a file", "${file:/no/such}"],
    ["a variable beside a text", "x${HB_NO_SUCH}y"],
  ] as const)
    test(`names --no-env: ${label}`, async () => {
      const path = file(`${label}-missing.yaml`, `checks: { a: { target: "redis://h", password: "${value}" } }`);
      const refused = await run("validate", path);
      assert.equal(refused.code, 2);
      assert.ok(refused.stderr.endsWith(HINT), refused.stderr);
      assert.equal((await run("validate", "--no-env", path)).code, 0);
      assert.doesNotMatch((await run("serve", "-c", path)).stderr, /no-env/);
    });

  test("does not name it for another mistake", async () => {
    for (const [name, value] of [
      ["dollar", "$x"],
      ["form", "${a b}"],
    ]) {
      const path = file(`${name}.yaml`, `checks: { a: { target: "redis://h", password: "${value}" } }`);
      assert.doesNotMatch((await run("validate", path)).stderr, /no-env/);
    }
  });
});

test("test shows where a redirect leads, without credentials in it", async () => {
  for (const [location, shown] of [
    ["https://login.test/sso?next=%2F", "https://login.test/sso?next=%2F"],
    ["/login?session_token=hunter2&a=b", "/login?session_token=***&a=b"],
    ["https://u:hunter2@login.test/#access_token=hunter2", "https://***@login.test/"],
    [`/${"x".repeat(500)}`, `/${"x".repeat(199)}...`],
  ] as const) {
    const target = await httpTarget((_, response) => void response.writeHead(302, { location }).end());
    const url = `http://127.0.0.1:${target.port}/`;
    const [text, json] = [await run("test", url), await run("test", url, "--json")];
    await target.stop();
    const detail = `HTTP status 302, expected 200-299; its location is ${JSON.stringify(shown)}`;
    assert.equal(JSON.parse(json.stdout).detail, detail);
    assert.ok(text.stdout.includes(detail), text.stdout);
    assert.deepEqual([text.code, json.code], [3, 3]);
  }
});
