/**
 * Reads the text of a file of Prometheus' file_sd, in JSON or YAML: pure.
 *
 *     - targets: ["10.0.0.1:50051", "[::1]:50051"]
 *       labels: { zone: a, healthbridge_weight: "2", healthbridge_tags: "blue,canary" }
 *
 * Labels become `meta`. A file with one mistake is refused as a whole: the targets of a part would seem to be all of them.
 * Source: https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config
 */
import { isIPv6 } from "node:net";
import { messageOf } from "../core/health-error.js";
import { isHost } from "../core/host-port.js";
import { isDeepYaml } from "../core/yaml-depth.js";
import { type FoundAddress, isUnspecified, MAX_ADDRESSES, MAX_WEIGHT } from "./source.js";

/** Reading YAML takes 50 times as long as JSON, and nothing else runs meanwhile. */
const MAX_YAML_CHARACTERS = 262_144;

/** Groups with targets and labels need four. */
const MAX_DEPTH = 50;

const MAX_LABELS = 64;
const MAX_LABEL_CHARACTERS = 1_024;

/** The addresses in a file, or what is wrong with it. */
export type ReadTargets = { readonly addresses: readonly FoundAddress[] } | { readonly fault: string };

/** Reads the text of a file. `path` is its name: it decides between JSON and YAML. */
export async function readFileSd(path: string, text: string): Promise<ReadTargets> {
  try {
    return { addresses: groupsOf(await parse(path, text)) };
  } catch (error) {
    return { fault: `${path}: ${messageOf(error)}` };
  }
}

/** @throws an error in words, for a text that cannot be parsed */
async function parse(path: string, text: string): Promise<unknown> {
  if (path.endsWith(".json")) return parseJson(text);
  if (text.length > MAX_YAML_CHARACTERS)
    throw new Error(`has more than ${MAX_YAML_CHARACTERS} characters of YAML; write a longer file as NAME.json`);
  const yaml = await import("yaml");
  if (isDeepYaml(text, MAX_DEPTH, yaml)) throw new Error("is nested too deeply");
  // the parser would compare each key with all keys before it
  const document = yaml.parseDocument(text, { logLevel: "error", uniqueKeys: false });
  const [error] = document.errors;
  if (error !== undefined) throw new Error(error.message.replace(/:?\n.*$/s, "")); // the other lines are parts of the text
  yaml.visit(document, {
    Map(_, { items }) {
      const keys = new Set(items.map(({ key }) => (yaml.isScalar(key) ? key.value : key)));
      if (keys.size < items.length) throw new Error("a table has the same key twice");
    },
  });
  return document.toJS({ maxAliasCount: 100 });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("is not valid JSON"); // the error of the parser shows parts of the text
  }
}

function groupsOf(value: unknown): readonly FoundAddress[] {
  if (!Array.isArray(value)) throw new Error("must be a list of groups, each with targets; for no target write []");
  const addresses: FoundAddress[] = [];
  for (const [index, group] of value.entries()) {
    const { targets, labels = {} }: { readonly targets?: unknown; readonly labels?: unknown } = Object(group);
    if (!Array.isArray(targets)) throw new Error(`group ${index}: targets must be a list of HOST:PORT`);
    const described = describe(labels, index);
    for (const target of targets) addresses.push({ ...placeOf(target, index), ...described });
    if (addresses.length > MAX_ADDRESSES) throw new Error(`has more than ${MAX_ADDRESSES} targets`);
  }
  return addresses;
}

function placeOf(target: unknown, group: number): Pick<FoundAddress, "host" | "port"> {
  const text = typeof target === "string" ? target : "";
  const [, ipv6, name = "", port = ""] = /^(?:\[([^\]%]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const isPlace = ipv6 === undefined ? isHost(name) : isIPv6(ipv6);
  if (!isPlace || Number(port) < 1 || Number(port) > 65_535)
    throw new Error(`group ${group}: ${shown(target)} is not HOST:PORT`);
  // the usual form of an address (RFC 5952), so that one address has one name
  const host = ipv6 === undefined ? name.toLowerCase() : new URL(`http://[${ipv6}]`).hostname.slice(1, -1);
  if (isUnspecified(host)) throw new Error(`group ${group}: ${shown(target)} is the address of no host`);
  return { host, port: Number(port) };
}

function describe(labels: unknown, group: number): Pick<FoundAddress, "meta" | "tags" | "weight"> {
  const isTable = typeof labels === "object" && labels !== null && !Array.isArray(labels);
  if (!isTable) throw new Error(`group ${group}: labels must be a table of names and texts`);
  const entries = Object.entries(labels);
  if (entries.length > MAX_LABELS) throw new Error(`group ${group}: has more than ${MAX_LABELS} labels`);
  const meta: [string, string][] = [];
  let weight: number | undefined;
  let tags: readonly string[] = [];
  for (const [name, value] of entries) {
    const text = typeof value === "number" || typeof value === "boolean" ? String(value) : value;
    if (typeof text !== "string" || text.length > MAX_LABEL_CHARACTERS)
      throw new Error(`group ${group}: the label ${name} must be text of at most ${MAX_LABEL_CHARACTERS} characters`);
    if (name === "healthbridge_weight") weight = weightOf(text, group);
    else if (name === "healthbridge_tags")
      tags = text
        .split(",")
        .map((tag) => tag.trim())
        .filter(Boolean);
    else meta.push([name, text]);
  }
  return { meta: Object.fromEntries(meta), tags, weight };
}

function weightOf(text: string, group: number): number {
  const weight = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (weight >= 1 && weight <= MAX_WEIGHT) return weight;
  throw new Error(
    `group ${group}: healthbridge_weight must be a whole number from 1 to ${MAX_WEIGHT}; got ${shown(text)}`,
  );
}

function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 80 ? `${json.slice(0, 77)}...` : json;
}
