/**
 * What crosses from the thread that reads a configuration: plain data in parts.
 *
 * The receiving thread serves clients. One message with 30,000 checks would block it while the message is deserialized. So
 * a configuration is sent in parts, and each is received in a turn of its own.
 */
import type { MessagePort } from "node:worker_threads";
import type { CheckDeclaration } from "../checks/declarations.js";
import type { ServiceDeclaration } from "../checks/service-graph.js";
import type { KnownContents, NamedFile } from "../config/files.js";
import type { LoadedConfig } from "../config/validate.js";
import type { Steps } from "../core/turns.js";
import type { FlagValues } from "./flags.js";
import type { FailedFile } from "./renew-files.js";

/** A valid configuration, and what is known about its source. */
export type ValidConfig = Omit<LoadedConfig, "accept">;

/** A valid configuration after its files were read again. */
export interface RenewedConfig extends ValidConfig {
  readonly failed: readonly FailedFile[];
  readonly renewed: readonly string[];
}

/** An accepted text, with the files that it names. */
export interface AcceptedFiles {
  readonly text: string | undefined;
  readonly files: readonly NamedFile[];
  readonly changed: KnownContents;
}

/** What the thread is to read. */
export interface ThreadRequest {
  /** `undefined`: the configuration consists of flags. */
  readonly file: string | undefined;
  readonly values: FlagValues;
  /** The number of checks in the file that is in use. */
  readonly fileChecks: number | undefined;
  /** Validates an accepted text with other contents of the files that it names. Default: reads all. */
  readonly accepted?: AcceptedFiles;
  /** Takes the parts of a valid configuration. */
  readonly port: MessagePort;
}

/** Whether the configuration is valid. Then all of its parts have been sent before. */
export type ThreadAnswer =
  | { readonly kind: "valid"; readonly failed: readonly FailedFile[]; readonly renewed: readonly string[] }
  | { readonly kind: "invalid"; readonly message: string };

/** A part of a configuration. The first has no checks and no services. */
export type ConfigPart =
  | { readonly kind: "first"; readonly first: ValidConfig }
  | { readonly kind: "checks"; readonly checks: readonly CheckDeclaration[] }
  | { readonly kind: "services"; readonly services: readonly ServiceDeclaration[] };

/** Checks, or members of services, of one part. */
const MAX_ITEMS = 500;

/** The parts of a configuration. */
export function* partsOf({ config, ...loaded }: ValidConfig): Iterable<ConfigPart> {
  const { checks, services } = config;
  const { fileChecks, overridden, text, files } = loaded;
  yield {
    kind: "first",
    first: { fileChecks, overridden, text, files, config: { ...config, checks: [], services: [] } },
  };
  for (let at = 0; at < checks.length; at += MAX_ITEMS)
    yield { kind: "checks", checks: checks.slice(at, at + MAX_ITEMS) };
  let part: ServiceDeclaration[] = [];
  let members = 0;
  for (const service of services) {
    part.push(service);
    members += 1 + service.members.length;
    if (members < MAX_ITEMS) continue;
    yield { kind: "services", services: part };
    [part, members] = [[], 0];
  }
  if (part.length > 0) yield { kind: "services", services: part };
}

/** The configuration of all parts. `next` returns `undefined` after the last. */
export function* joinParts(next: () => ConfigPart | undefined): Steps<ValidConfig> {
  const checks: CheckDeclaration[] = [];
  const services: ServiceDeclaration[] = [];
  let first: ValidConfig | undefined;
  for (let part = next(); part !== undefined; part = next()) {
    switch (part.kind) {
      case "first":
        first = part.first;
        break;
      case "checks":
        checks.push(...part.checks);
        break;
      case "services":
        services.push(...part.services);
        break;
      default:
        part satisfies never;
    }
    yield;
  }
  if (first === undefined) throw new Error("the thread has sent no configuration");
  return { ...first, config: Object.freeze({ ...first.config, checks, services }) };
}
