/**
 * The forms of a message: what the receiver of a webhook expects.
 *
 *     json           the form of healthbridge, with a version     docs/webhooks.md
 *     alertmanager   POST /api/v2/alerts                          https://github.com/prometheus/alertmanager, api/v2/openapi.yaml
 *     slack          incoming webhook                             https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
 *     discord        execute webhook                              https://docs.discord.com/developers/resources/webhook
 *
 * Names of services can come from a target (Celery workers), so they never become markup, links or mentions.
 */
import { describe, displayName, linesOf, linesWithin, meaningOf, titleOf } from "./message-text.js";
import type { Message, ToldChange } from "./webhook-message.js";

export const WEBHOOK_FORMS = ["json", "alertmanager", "slack", "discord"] as const;
export type WebhookForm = (typeof WEBHOOK_FORMS)[number];

/** What a body needs beside its message. */
export interface SendContext {
  /** The name of this machine. */
  readonly instance: string;
  /** Wall time of the request. */
  readonly sentAt: number;
}

/** The version of the form `json`. A change that a receiver must know of gets a new number. */
const JSON_VERSION = 1;

/** Alertmanager ends an alert that it gets no more by itself: with the interval of Prometheus, after 4 intervals. */
export const ALERTMANAGER_REPEAT_MS = 60_000;
const ALERTMANAGER_LIFETIME_MS = 4 * ALERTMANAGER_REPEAT_MS;

/** The name that the alerting rules of deploy/prometheus have as well: the receivers of both can be the same. */
const ALERT_NAME = "HealthbridgeServiceDown";

/** The body of a request, as JSON. */
export function encodeMessage(form: WebhookForm, message: Message, context: SendContext): string {
  switch (form) {
    case "json":
      return JSON.stringify(jsonForm(message, context));
    case "alertmanager":
      return JSON.stringify(message.changes.map((change) => alert(change, context)));
    case "slack":
      return JSON.stringify(slackForm(message, context));
    case "discord":
      return JSON.stringify(discordForm(message, context));
    default:
      return form satisfies never;
  }
}

function jsonForm(message: Message, { instance }: SendContext): object {
  const { id, kind, at, changes, omitted } = message;
  const title = titleOf(message);
  const text = linesOf(message).join("\n");
  return {
    version: JSON_VERSION,
    id,
    kind,
    at: isoTime(at),
    instance,
    title,
    text,
    changes: changes.map(json),
    omitted,
  };
}

function json(change: ToldChange): object {
  const { id, service, status, at, since, severity, reason, causes } = change;
  const reasonText = reason === undefined ? undefined : meaningOf(reason);
  return { id, service, status, at: isoTime(at), since: isoTime(since), severity, reason, reasonText, causes };
}

/** After the clock was set back, times may be in the future: Alertmanager refuses an alert that ends before it starts. */
function alert(change: ToldChange, { instance, sentAt }: SendContext): object {
  const { service, status, severity } = change;
  const at = Math.min(change.at, sentAt);
  const since = Math.min(change.since, at);
  const name = displayName(service);
  return {
    // the server as a whole has no label, as in the rules: a check may be called as it is shown
    labels: { alertname: ALERT_NAME, ...(service === "" ? {} : { service: name }), instance, severity },
    annotations: { summary: `${name} is NOT_SERVING`, description: `${name}: ${describe(change)}` },
    startsAt: isoTime(since),
    endsAt: isoTime(status === "NOT_SERVING" ? sentAt + ALERTMANAGER_LIFETIME_MS : at),
  };
}

const SLACK_HEADER = 150;
const SLACK_SECTION = 2_900;

/** `plain_text` has no markup, no links and no mentions. The fallback text is for notifications: it is escaped. */
function slackForm(message: Message, { instance }: SendContext): object {
  const title = titleOf(message);
  const plain = (text: string) => ({ type: "plain_text", text, emoji: false });
  const lines = linesWithin(
    linesOf(message).map((line) => cut(line, SLACK_SECTION)),
    SLACK_SECTION,
  );
  return {
    text: escapeSlack(title),
    mrkdwn: false,
    blocks: [
      { type: "header", text: plain(cut(title, SLACK_HEADER)) },
      { type: "section", text: plain(lines) },
      { type: "context", elements: [plain(`healthbridge on ${instance}`)] },
    ],
  };
}

/** https://docs.slack.dev/messaging/formatting-message-text#escaping */
function escapeSlack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

const DISCORD_CONTENT = 2_000;
const DISCORD_DESCRIPTION = 4_000;
const RED = 0xd93025;
const GREEN = 0x188038;

/** The content is what a notification shows. `parse: []` allows no mention. */
function discordForm(message: Message, { instance }: SendContext): object {
  const isFailing = message.changes.some(({ status }) => status === "NOT_SERVING");
  const lines = linesOf(message).map((line) => cut(escapeMarkdown(line), DISCORD_DESCRIPTION));
  return {
    content: cut(escapeMarkdown(titleOf(message)), DISCORD_CONTENT),
    allowed_mentions: { parse: [] },
    embeds: [
      {
        description: linesWithin(lines, DISCORD_DESCRIPTION),
        color: isFailing ? RED : GREEN,
        timestamp: isoTime(message.at),
        footer: { text: cut(`healthbridge on ${instance}`, DISCORD_CONTENT) },
      },
    ],
  };
}

/** A backslash before every character that Discord may read as markup, a mention or the scheme of a link. */
function escapeMarkdown(text: string): string {
  return text.replaceAll(/[\\`*_~|>#@<:[\]()-]/g, "\\$&");
}

/** At most so many UTF-16 units, and no half of a character or of an escape at the end. */
function cut(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  const start = text.slice(0, maxCharacters - 3);
  return `${start.replace(/[\ud800-\udbff\\]+$/, "")}...`;
}

function isoTime(wallTime: number): string {
  return new Date(wallTime).toISOString();
}
