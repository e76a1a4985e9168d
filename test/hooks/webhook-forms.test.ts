/** The bodies of webhooks: what each form has, its limits, and names that want to be markup. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodeMessage, WEBHOOK_FORMS } from "../../src/hooks/webhook-forms.js";
import type { Message, ToldChange } from "../../src/hooks/webhook-message.js";

const AT = Date.UTC(2026, 0, 5, 10, 0, 3);
const SENT_AT = AT + 30_000;
const CONTEXT = { instance: "hb-1", sentAt: SENT_AT };

const outage = (service: string, details: Partial<ToldChange> = {}): ToldChange => ({
  ...{ id: "e-7", service, status: "NOT_SERVING", at: AT, since: AT },
  ...{ reason: "refused", causes: [{ check: "broker", reason: "refused" }], severity: "critical" },
  ...details,
});

const recovery = (service: string): ToldChange =>
  outage(service, { id: "e-9", status: "SERVING", at: AT + 310_400, reason: undefined, causes: [] });

const message = (changes: readonly ToldChange[], details: Partial<Message> = {}): Message => ({
  ...{ id: changes[0]?.id ?? "e-1", kind: "change", at: AT + 25_000, changes, omitted: 0 },
  ...details,
});

const encode = (form: (typeof WEBHOOK_FORMS)[number], what: Message) => JSON.parse(encodeMessage(form, what, CONTEXT));

test("json has the version, a text for people, and every change with its cause", () => {
  assert.deepEqual(encode("json", message([outage("celery"), recovery("orders")])), {
    version: 1,
    id: "e-7",
    kind: "change",
    at: "2026-01-05T10:00:28.000Z",
    instance: "hb-1",
    title: "celery is NOT_SERVING; 1 service is no longer failing",
    text: [
      "celery: NOT_SERVING since 2026-01-05 10:00:03 UTC (refused: the target refused the connection); failing checks: broker (refused)",
      "orders: SERVING again since 2026-01-05 10:05:13 UTC, after 5m10s",
    ].join("\n"),
    changes: [
      {
        ...{ id: "e-7", service: "celery", status: "NOT_SERVING", severity: "critical", reason: "refused" },
        ...{ at: "2026-01-05T10:00:03.000Z", since: "2026-01-05T10:00:03.000Z" },
        reasonText: "the target refused the connection",
        causes: [{ check: "broker", reason: "refused" }],
      },
      {
        ...{ id: "e-9", service: "orders", status: "SERVING", severity: "critical", causes: [] },
        ...{ at: "2026-01-05T10:05:13.400Z", since: "2026-01-05T10:00:03.000Z" },
      },
    ],
    omitted: 0,
  });
});

test("an alert of Alertmanager ends in the future while it fires, and at its end when it is resolved", () => {
  const sentAt = AT + 340_000;
  const both = message([outage("celery"), recovery("celery")]);
  const [firing, resolved] = JSON.parse(encodeMessage("alertmanager", both, { instance: "hb-1", sentAt }));
  assert.equal(Date.parse(firing.endsAt), sentAt + 240_000);
  assert.equal(Date.parse(resolved.endsAt), AT + 310_400);
  assert.deepEqual(firing.labels, resolved.labels, "the same alert");
  assert.equal(firing.startsAt, resolved.startsAt);
  assert.deepEqual(firing.labels, {
    ...{ alertname: "HealthbridgeServiceDown", service: "celery", instance: "hb-1", severity: "critical" },
  });
});

test("the alert of the server as a whole is not that of a check of the name that is shown for it", () => {
  const [whole, check] = encode("alertmanager", message([outage(""), outage("overall")]));
  assert.notDeepEqual(whole.labels, check.labels);
  assert.equal("service" in whole.labels, false, "absent, as in the alert rules");
  assert.equal(check.labels.service, "overall");
});

test("after the clock was set back, no alert ends before it starts, or ends later than now", () => {
  const changes = [outage("a"), recovery("a")];
  const sentAt = AT - 3_600_000;
  const text = encodeMessage("alertmanager", message(changes), { instance: "hb-1", sentAt });
  const [firing, resolved] = JSON.parse(text);
  assert.deepEqual([firing.startsAt, firing.endsAt].map(Date.parse), [sentAt, sentAt + 240_000]);
  assert.deepEqual([resolved.startsAt, resolved.endsAt].map(Date.parse), [sentAt, sentAt]);
});

test("a title names a few services, and says what a reminder and an end are", () => {
  const titleOf = (what: Message) => encode("json", what).title;
  const several = ["a", "b", "c", "d", "e"].map((name) => outage(name));
  assert.equal(titleOf(message(several)), "a, b, c and 2 more are NOT_SERVING");
  assert.equal(titleOf(message(several.slice(0, 2))), "a and b are NOT_SERVING");
  assert.equal(titleOf(message([outage("")])), "overall is NOT_SERVING");
  assert.equal(titleOf(message([outage("a")], { kind: "reminder" })), "a is still NOT_SERVING");
  assert.equal(titleOf(message([recovery("a")])), "a is SERVING again");
  assert.equal(titleOf(message([{ ...recovery("a"), status: "SERVICE_UNKNOWN" }])), "a is no longer checked");
  assert.equal(titleOf(message([recovery("a"), recovery("b")])), "2 services are no longer failing");
});

test("a message says how many changes were left out", () => {
  assert.match(encode("json", message([outage("a")], { omitted: 3 })).text, /3 changes were left out/);
});

const HOSTILE = [
  "<!channel> <@U123> <https://evil.example|click> &amp;",
  "@everyone @here <@123> <@&456> <#789>",
  "[click](https://evil.example) **bold** `code` ~~x~~ ||y|| __u__ \\",
  "# title > quote - item",
  "a\u202egnp.exe",
];

describe("a name that a target chooses", () => {
  for (const name of HOSTILE)
    test(`is text and nothing else: ${JSON.stringify(name)}`, () => {
      const hostile = message([outage(name, { reason: name, causes: [{ check: name, reason: name }] })]);
      const slack = encode("slack", hostile);
      assert.equal(/<(?!!)|>/.test(slack.text.replaceAll(/&(?:lt|gt|amp);/g, "")), false, slack.text);
      const texts = slack.blocks.flatMap((block: { text?: object; elements?: object[] }) => [
        ...(block.text === undefined ? [] : [block.text]),
        ...(block.elements ?? []),
      ]);
      assert.ok(texts.length >= 3);
      for (const { type, emoji } of texts) assert.deepEqual([type, emoji], ["plain_text", false]);
      assert.equal("link_names" in slack, false);
      const discord = encode("discord", hostile);
      assert.deepEqual(discord.allowed_mentions, { parse: [] });
      for (const text of [discord.content, discord.embeds[0].description]) {
        const unescaped = text.replaceAll(/\\[\\`*_~|>#@<:[\]()-]/g, "");
        assert.equal(/[\\`*_~|>#@<:[\]()]/.test(unescaped), false, text);
      }
      for (const form of WEBHOOK_FORMS)
        if (form !== "json") assert.equal(encodeMessage(form, hostile, CONTEXT).includes("\u202e"), false);
    });
});

describe("with 2,000 services of the longest names", () => {
  const large = message(Array.from({ length: 2_000 }, (_, index) => outage(`${"@".repeat(190)}${index}`)));

  test("slack stays within its limits", () => {
    const { blocks } = encode("slack", large);
    assert.ok(blocks.length <= 50);
    assert.ok(blocks[0].text.text.length <= 150);
    assert.ok(blocks[1].text.text.length <= 3_000);
    assert.match(blocks[1].text.text, /and 19\d\d more$/);
  });

  test("discord stays within its limits", () => {
    const { content, embeds } = encode("discord", large);
    assert.ok(content.length <= 2_000);
    const [{ description, footer }] = embeds;
    assert.ok(description.length <= 4_096);
    assert.ok(content.length + description.length + footer.text.length <= 6_000);
    assert.match(description, /and 19\d\d more$/);
    assert.doesNotMatch(content, /(?<!\\)(?:\\\\)*\\$/, "no half of an escape");
  });
});
