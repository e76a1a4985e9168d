/**
 * Reads a block of YAML by its kind. The first kind that fits its top-level keys reads it; a configuration of healthbridge
 * is validated as `serve` does. Kinds with a schema of others are read again by `test/interop/docs-blocks.test.ts`.
 */
import { basename } from "node:path";
import { parse } from "yaml";
import { ConfigError } from "../../../src/config/fault.js";
import { parseConfig } from "../../config/reading.js";
import { configKeys } from "../../support/config-table.js";
import { table } from "../../support/readme.js";
import type { Block } from "../markdown.js";
import { path } from "../snippets.js";
import { readCommands } from "./commands.js";

type Problems = readonly string[];

interface YamlKind {
  /** Whether it is a list; a table otherwise. */
  readonly isList?: boolean;
  readonly fits: (value: unknown, keys: readonly string[]) => boolean;
  readonly read: (block: Block, value: unknown) => Problems | Promise<Problems>;
}

const PROBES = ["readinessProbe", "livenessProbe", "startupProbe"];
const HANDLERS = ["exec", "grpc", "httpGet", "tcpSocket"];

const CONFIG_KEYS = configKeys().map(([key]) => key);

const KINDS: Readonly<Record<string, YamlKind>> = {
  configuration: {
    fits: (_, keys) => keys.every((key) => CONFIG_KEYS.includes(key) || key.startsWith("x-")),
    read: readConfiguration,
  },
  "probes of Kubernetes": {
    fits: (_, keys) => keys.every((key) => PROBES.includes(key)),
    read: (_, value) => Object.values(Object(value)).flatMap(readProbe),
  },
  "rules of Prometheus": {
    isList: true,
    fits: (value) => Object.values(Object(value)).every((rule) => "expr" in Object(rule)),
    read: () => [],
  },
  "steps of GitHub": { isList: true, fits: (value) => scriptsOf(value).length > 0, read: readScripts },
  "jobs of GitLab": { fits: (value) => scriptsOf(value).length > 0, read: readScripts },
};

/** The problems of a block. */
export async function readYaml(block: Block): Promise<Problems> {
  const value: unknown = parse(block.code, { merge: true });
  const keys = Array.isArray(value) ? [] : Object.keys(Object(value));
  const kinds = Object.entries(KINDS).filter(([, { isList = false }]) => isList === Array.isArray(value));
  const kind = kinds.find(([, { fits }]) => fits(value, keys))?.[1];
  const known = Object.keys(KINDS).join(", ");
  if (kind === undefined) return [`this YAML is none of: ${known}. Add its kind to test/docs/readers/yaml.ts`];
  return kind.read(block, value);
}

/** As `healthbridge validate` reads it, with a value for each variable and each file that it names. */
function readConfiguration({ place, code }: Block): Problems {
  const names = [...code.matchAll(/\$\{(\w+)/g)].map(([, name = ""]) => [name, "0123456789abcdef"] as const);
  const text = code.replaceAll(/\$\{file:[^}]+\}/g, "https://file.example").replaceAll(TLS_FILE, fixtureOf);
  try {
    parseConfig(place, text, Object.fromEntries(names));
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split("\n");
  }
}

const TLS_FILE = /(?<=: |\[)\/[\w./-]+\.(?:pem|crt|key)\b/g;

/** A file of the tests in place of one of the docs: `client.key`, `ca.pem`. */
function fixtureOf(file: string): string {
  const owner = file.includes("client") ? "client" : "server";
  if (/key/.test(basename(file))) return path(`test/fixtures/tls/${owner}.key`);
  return path(`test/fixtures/tls/${/ca/.test(basename(file)) ? "ca" : owner}.crt`);
}

/** A probe has one handler; what it asks healthbridge for is a view or a route. */
function readProbe(probe: unknown): Problems {
  const given = HANDLERS.filter((handler) => handler in Object(probe));
  if (given.length !== 1) return [`a probe has one of ${HANDLERS.join(", ")}, not ${given.length}`];
  const { httpGet } = Object(probe);
  const routes = table("routes").map(([request = ""]) => request.replaceAll("`", ""));
  if (httpGet === undefined || routes.includes(`GET ${httpGet.path}`)) return [];
  return [`healthbridge does not answer ${httpGet.path}`];
}

async function readScripts(_: Block, value: unknown): Promise<Problems> {
  const problems = await Promise.all(scriptsOf(value).map((script) => readCommands(script, false)));
  return problems.flat();
}

/** The commands of a workflow: `run` of a step, `script` of a job. */
function scriptsOf(value: unknown): readonly string[] {
  return Object.values(Object(value)).flatMap((each) => {
    const { run, script } = Object(each);
    return [run, ...(Array.isArray(script) ? script : [])].filter((text) => typeof text === "string");
  });
}
