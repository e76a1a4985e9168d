/** The shape of `webhooks`: each has a name, and is a URL or a table. */
import * as v from "valibot";
import { formatDuration } from "../core/duration.js";
import { WEBHOOK_FORMS } from "../hooks/webhook-forms.js";
import { WEBHOOK_DEFAULTS } from "../hooks/webhook-settings.js";
import { duration, group, oneOf, switchValue, table, text, texts, url, urlOr } from "./schema-parts.js";
import { RECEIVER_TLS } from "./target-schema.js";

const { delayMs, groupWaitMs, timeoutMs } = WEBHOOK_DEFAULTS;

const WEBHOOK = group(
  {
    url: url("Where messages are sent, as a URL of http, https or http+unix. It may be a secret: it is never shown."),
    form: v.optional(oneOf(WEBHOOK_FORMS, `What the receiver expects: ${WEBHOOK_FORMS.join(", ")}. Default json.`)),
    services: v.optional(
      texts("Names of services and checks, and patterns with *. Default: those that are members of no service."),
    ),
    delay: v.optional(
      duration(`How long a change must last before it is told. At most 24h. Default ${formatDuration(delayMs)}.`),
    ),
    groupWait: v.optional(
      duration(
        `How long to wait after the first change for others: they become one message. At most 1h. Default ${formatDuration(groupWaitMs)}.`,
      ),
    ),
    repeatInterval: v.optional(
      duration("How often an outage that goes on is told again, at least 1m. Not for alertmanager. Default: never."),
    ),
    sendResolved: v.optional(switchValue("Whether the end of an outage is told. Default true.")),
    timeout: v.optional(duration(`The deadline of one request, at most 1m. Default ${formatDuration(timeoutMs)}.`)),
    secret: v.optional(
      text("Signs each request (standardwebhooks.com), at least 16 bytes. Take it from ${NAME} or ${file:PATH}."),
    ),
    headers: v.optional(table(text("value"), "Headers of each request.")),
    tls: v.optional(RECEIVER_TLS),
  },
  "A webhook.",
);

const WEBHOOK_OR_URL = urlOr(WEBHOOK, "webhook");

/** The webhooks by their names. */
export const WEBHOOKS = table(WEBHOOK_OR_URL, "Webhooks by name: each is told when a service begins or ends to fail.");
