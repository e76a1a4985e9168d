/** docs/list-and-watch.md says what the code does: the fields of JSON, the keys, the flags, the limits. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ChangeLines } from "../../../src/cli/watch/change-lines.js";
import { listJson } from "../../../src/cli/watch/list-services.js";
import { TARGET_FLAGS } from "../../../src/cli/watch/target-flags.js";
import { MAX_WATCHES } from "../../../src/cli/watch/watched-services.js";
import { tableOf } from "../../support/readme.js";
import { row } from "./rows.js";

const PAGE = readFileSync(new URL("../../../docs/list-and-watch.md", import.meta.url), "utf8");

const fieldsOf = (table: string) => tableOf(PAGE, table).map(([field = ""]) => field.replaceAll("`", ""));

test("every field of watch --json is documented, and no other", () => {
  const lines: string[] = [];
  const { listener } = new ChangeLines({
    addr: "a:1",
    isJson: true,
    write: (line) => lines.push(line),
    hasRoom: () => true,
  });
  listener.onConnected();
  listener.onStatus("a", "SERVING", false);
  const fields = new Set(lines.flatMap((line) => Object.keys(JSON.parse(line))));
  assert.equal(lines.length, 2);
  assert.deepEqual([...fields].sort(), [...fieldsOf("watch-json")].sort());
});

test("every field of list --json is documented, and no other", () => {
  const object = JSON.parse(listJson("a:1", [row("a", "SERVING")]));
  assert.deepEqual(Object.keys(object), fieldsOf("list-json"));
});

test("every flag of the server is named, and the limits are those of the code", () => {
  for (const { name } of TARGET_FLAGS)
    assert.ok(PAGE.includes(`\`--${name}\``) || (name.startsWith("tls-") && PAGE.includes("`--tls-*`")), name);
  assert.ok(PAGE.includes(`\`Watch\` of the first ${MAX_WATCHES} services`));
});
