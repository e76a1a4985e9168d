/**
 * The webhooks of a configuration file, as settings.
 *
 * `hooks/webhook-settings` has the rules of one webhook. Those here are about the file: which services there are, and how
 * many webhooks.
 */
import { messageOf } from "../core/health-error.js";
import { OptionError, type Path } from "../core/option-error.js";
import { type DeclaredServices, declaredNames } from "../hooks/service-filter.js";
import { readWebhook, type WebhookSettings } from "../hooks/webhook-settings.js";
import type { ConfigInput } from "./config-input.js";
import { checkHookServices } from "./hook-services.js";
import type { ConfigFile } from "./schema.js";
import { readTargetTls } from "./tls-files.js";

/** Each has a queue and a place in the state folder. */
const MAX_WEBHOOKS = 20;

/** The webhooks, and warnings about probable mistakes. */
export interface ReadWebhooks {
  readonly webhooks: readonly WebhookSettings[];
  readonly warnings: readonly string[];
}

/** Where an option of the settings stands in the file, if it has another name there. */
const FILE_NAMES: Readonly<Record<string, string>> = { ca: "caFile", cert: "certFile", key: "keyFile" };

/** @param declared the checks and services of the same file */
export function readWebhooks(declared: DeclaredServices, input: ConfigInput): ReadWebhooks {
  const entries = Object.entries(input.content.webhooks ?? {});
  if (entries.length === 0) return { webhooks: [], warnings: [] };
  if (entries.length > MAX_WEBHOOKS)
    input.refuse(["webhooks"], `has ${entries.length} webhooks; the limit is ${MAX_WEBHOOKS}`);
  const names = new Set([...declaredNames(declared), ...input.names, "readiness"]);
  const webhooks = entries.flatMap(([name, entry]) => readOne(name, entry, input) ?? []);
  const warnings = webhooks.flatMap(({ name, services = [] }) =>
    checkHookServices({ path: ["webhooks", name, "services"], services }, names, input),
  );
  return { webhooks, warnings };
}

type WebhookEntry = NonNullable<ConfigFile["webhooks"]>[string];

function readOne(name: string, entry: WebhookEntry, input: ConfigInput): WebhookSettings | undefined {
  const path = ["webhooks", name];
  const given = typeof entry === "string" ? { url: entry } : entry;
  const refuse = (inner: Path, text: string) => input.refuse([...path, ...inner], text);
  const tls =
    given.tls &&
    readTargetTls(given.tls, input.files, (key, text) => refuse(key === undefined ? ["tls"] : ["tls", key], text));
  try {
    return readWebhook(name, { ...given, tls }, input.content.allowLinkLocal ?? false);
  } catch (error) {
    if (error instanceof OptionError) refuse(typeof entry === "string" ? [] : placeOf(error.option), error.text);
    else refuse(["tls"], messageOf(error));
    return undefined;
  }
}

function placeOf([key = "", name, ...rest]: Path): Path {
  if (key !== "tls" || name === undefined) return [key, ...(name === undefined ? [] : [name]), ...rest];
  return [key, FILE_NAMES[name] ?? name, ...rest];
}
