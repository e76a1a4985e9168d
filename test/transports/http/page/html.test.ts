import assert from "node:assert/strict";
import { test } from "node:test";
import { html } from "../../../../src/transports/http/page/html.js";

test("what a template inserts is escaped, in text and in attributes", () => {
  const name = `<script>alert("1")</script> & 'x'`;
  const escaped = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;x&#39;";
  assert.equal(html`<a title="${name}">${name}</a>`.text, `<a title="${escaped}">${escaped}</a>`);
});

test("HTML is inserted as it is, also as a list; nothing for undefined", () => {
  const items = ["a", "<b>"].map((text) => html`<li>${text}</li>`);
  assert.equal(html`<ul>${items}</ul>${undefined}${html`<hr>`}${7}`.text, "<ul><li>a</li><li>&lt;b&gt;</li></ul><hr>7");
});

test("marks of text direction and control characters are shown, and not applied", () => {
  assert.equal(html`${"a\u202egnp.exe\u0000"}`.text, "a\\u202egnp.exe\\u0000");
});
