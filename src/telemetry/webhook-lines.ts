/** The lines of the log about webhooks: a receiver that is down for a day gets a few, not one for each attempt. */
import type { Published } from "../core/channels.js";
import type { Logger } from "./log.js";
import { isPowerOfTwo } from "./write-failures.js";

/** Whether a message makes a line. */
export function isWebhookLogged({ outcome, failures }: Published<"webhook">): boolean {
  switch (outcome) {
    case "queued":
    case "removed":
      return false;
    case "retry":
      return isPowerOfTwo(failures);
    case "delivered":
    case "rejected":
    case "folded":
      return true;
    default:
      return outcome satisfies never;
  }
}

export function logWebhook(logger: Logger, message: Published<"webhook">): void {
  const { webhook, outcome, pending, failures, detail } = message;
  const fields = { webhook, pending, failures, detail };
  const title = `webhook ${JSON.stringify(webhook)}`;
  const after = failures === 0 ? "" : `, after ${failures} failed requests`;
  if (outcome === "delivered")
    logger.info({ event: "webhook-delivered", ...fields }, `${title}: a message was delivered${after}`);
  else if (outcome === "retry")
    logger.warn(
      { event: "webhook-failed", ...fields },
      `${title}: no success (${failures} times in a row): ${detail}; trying again, ${pending} messages wait`,
    );
  else if (outcome === "rejected")
    logger.error(
      { event: "webhook-rejected", ...fields },
      `${title}: the receiver rejected a message, which is dropped: ${detail}`,
    );
  else if (outcome === "folded")
    logger.warn({ event: "webhook-folded", ...fields }, `${title}: too many messages wait; two became one`);
}
