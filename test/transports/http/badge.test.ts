import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { drawBadge } from "../../../src/transports/http/badge.js";
import { eventFixture } from "./event-fixture.js";

/** The texts of a picture, and the names of its elements. Throws unless it is well-formed XML with unique attributes. */
function readSvg(svg: string): { readonly texts: readonly string[]; readonly elements: readonly string[] } {
  const texts: string[] = [];
  const elements: string[] = [];
  const open: string[] = [];
  const unescapeXml = (text: string) =>
    text.replace(
      /&(amp|lt|gt|quot|#39);/g,
      (_, name) => ({ amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" })[name as "amp"],
    );
  for (const [, text = "", close, name = "", attributes = "", isEmpty] of svg
    .trim()
    .matchAll(/([^<]*)<(\/?)([a-z]+)((?: [a-zA-Z:-]+="[^"<]*")*)(\/?)>/g)) {
    assert.ok(!/&(?!amp;|lt;|gt;|quot;|#39;)/.test(text + attributes), "an ampersand begins an escape");
    if (text !== "") texts.push(unescapeXml(text));
    if (close === "/") assert.equal(open.pop(), name);
    else {
      elements.push(name);
      if (isEmpty === "") open.push(name);
    }
  }
  assert.deepEqual(open, []);
  return { texts, elements };
}

const ELEMENTS = ["svg", "title", "rect", "path", "g", "text", "text"];

describe("/badge", () => {
  test("shows the status of a service in words, and is 200 with any status", () => {
    const { registry, ask } = eventFixture();
    registry.set("orders", "SERVING");
    const messageOf = () => {
      const { status, body } = ask("/badge/orders.svg");
      const { texts, elements } = readSvg(body);
      assert.deepEqual([status, elements], [200, ELEMENTS]);
      return texts;
    };
    assert.deepEqual(messageOf(), ["orders: serving", "orders", "serving"]);
    registry.set("orders", "SERVING", { degraded: true });
    assert.deepEqual(messageOf().at(-1), "degraded");
    registry.set("orders", "NOT_SERVING");
    assert.deepEqual(messageOf().at(-1), "not serving");
    registry.set("orders", "UNKNOWN");
    assert.deepEqual(messageOf().at(-1), "unknown");
    assert.deepEqual(readSvg(ask("/badge.svg").body).texts, ["health: serving", "health", "serving"]);
    registry.drain();
    assert.deepEqual(readSvg(ask("/badge.svg").body).texts.at(-1), "not serving");
  });

  test("an unknown service is 404, a picture too, and does not echo the name", () => {
    const { ask } = eventFixture();
    const { status, body } = ask("/badge/forged.svg");
    assert.equal(status, 404);
    assert.deepEqual(readSvg(body).texts, ["health: no such service", "health", "no such service"]);
    assert.ok(!body.includes("forged"));
  });

  test("is not cached, is of one media type, and runs nothing when it is opened as a page", () => {
    const { headers } = eventFixture().ask("/badge.svg");
    assert.deepEqual(headers, {
      "content-type": "image/svg+xml; charset=utf-8",
      "cache-control": "no-cache, no-store, max-age=0",
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; sandbox",
    });
  });

  test("a name with markup, quotes, marks of direction or a slash is shown as text", () => {
    const { registry, ask } = eventFixture();
    const names = [
      "<script>alert(1)</script>",
      `"' onload="x`,
      "a&amp;b&#x41;",
      "]]>",
      "celery.worker/w@host",
      "a.svg",
      "日本",
    ];
    for (const name of names) {
      registry.set(name, "SERVING");
      const { status, body } = ask(`/badge/${name.split("/").map(encodeURIComponent).join("/")}.svg`);
      const { texts, elements } = readSvg(body);
      assert.deepEqual([status, texts[1], elements], [200, name, ELEMENTS], name);
    }
    assert.ok(drawBadge({ label: "a\u202eb\u0007", message: "x", colour: "#2e7d32" }).includes("a\\u202eb\\u0007"));
  });

  test("a name with a character that XML cannot have is still a picture", () => {
    const { registry, ask } = eventFixture();
    for (const character of ["\ufffe", "\uffff", "\ufeff", "\u{1fffe}"]) {
      registry.set(`a${character}b`, "SERVING");
      const { status, body } = ask(`/badge/${encodeURIComponent(`a${character}b`)}.svg`);
      assert.deepEqual([status, /[\ufffe\uffff]/.test(body), readSvg(body).texts.length], [200, false, 3]);
    }
  });

  test("a long name is cut, and whole in the title", () => {
    const { registry, ask } = eventFixture();
    const name = "x".repeat(200);
    registry.set(name, "SERVING");
    const [title, label] = readSvg(ask(`/badge/${name}.svg`).body).texts;
    assert.deepEqual([title, label], [`${name}: serving`, `${"x".repeat(59)}…`]);
  });

  test("with a token, the badge of a name that a client knows stays open", () => {
    const { registry, ask } = eventFixture({ token: "s3cret" });
    registry.set("orders", "NOT_SERVING", { reason: "timeout" });
    const { status, body } = ask("/badge/orders.svg");
    assert.equal(status, 200);
    assert.ok(!body.includes("timeout"));
  });

  test("other paths, methods and broken names are refused", () => {
    const { ask } = eventFixture();
    for (const target of ["/badge", "/badge/", "/badge/orders", "/badge/.svg", "/badge/orders.png", "/badges.svg"])
      assert.equal(ask(target).status, 404, target);
    for (const target of [`/badge/${"x".repeat(201)}.svg`, "/badge/%00.svg", "/badge/%zz.svg", "/badge/../a.svg"])
      assert.equal(ask(target).status, 400, target);
    assert.deepEqual(
      [ask("/badge.svg", { method: "POST" }).status, ask("/badge.svg", { method: "HEAD" }).status],
      [405, 200],
    );
  });
});
