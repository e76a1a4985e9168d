/**
 * The listeners of discovery in a configuration file.
 *
 * Addresses of instances are shown on `discovery.listen`, so each of its addresses needs a guard: a token, client
 * certificates, or no access from other machines.
 */
import { isIPv6 } from "node:net";
import { requireToken } from "../core/bearer-token.js";
import { messageOf } from "../core/health-error.js";
import { formatAddress, type ListenAddress, parseListenAddress } from "../core/listen-address.js";
import { addressTextOf, type ListenEntry, proxyPeersFault } from "../core/listen-point.js";
import type { Path } from "../core/option-error.js";
import type { ConfigInput } from "./config-input.js";

/** The forms that can be switched off. */
export const DISCOVERY_FORMS = ["consul", "xds", "prometheus"] as const;

export type DiscoveryForms = Readonly<Record<(typeof DISCOVERY_FORMS)[number], boolean>>;

export interface DiscoveryConfig {
  readonly listen: readonly ListenEntry[];
  /** The token that each request needs; `undefined`: none. */
  readonly token: string | undefined;
  readonly forms: DiscoveryForms;
}

/** The listener of HAProxy's agent-check. */
export interface HaproxyAgentConfig {
  readonly listen: readonly string[];
  /** Whether answers have weights below 100%. */
  readonly weights: boolean;
}

export interface ReadDiscovery {
  readonly discovery: DiscoveryConfig | undefined;
  readonly haproxyAgent: HaproxyAgentConfig | undefined;
}

/** @param listen the addresses of the health listener */
export function readDiscovery(listen: readonly ListenEntry[], input: ConfigInput): ReadDiscovery {
  const { discovery, haproxyAgent, control } = input.content;
  const taken = new Map(listen.flatMap((entry) => placeOf(addressTextOf(entry), "listen")));
  if (control !== undefined) taken.set(formatAddress({ path: control }), "control");
  const ofDiscovery = discovery && readListener(["discovery", "listen"], discovery.listen, { taken, input });
  if (haproxyAgent !== undefined) readListener(["haproxyAgent", "listen"], haproxyAgent.listen, { taken, input });
  return {
    discovery: discovery && {
      listen: discovery.listen,
      token: readDiscoveryToken(ofDiscovery ?? [], input),
      forms: readForms(input),
    },
    haproxyAgent: haproxyAgent && { listen: haproxyAgent.listen, weights: haproxyAgent.weights ?? false },
  };
}

/** An address that can be read, as it is compared with others. Port 0 is another port each time. */
function placeOf<Owner>(text: string, owner: Owner): readonly (readonly [string, Owner])[] {
  try {
    const key = formatAddress(parseListenAddress(text));
    return key.endsWith(":0") ? [] : [[key, owner]];
  } catch {
    return []; // the owner reports it
  }
}

/** The addresses that can be read. */
function readListener(
  path: Path,
  entries: readonly ListenEntry[],
  { taken, input }: { readonly taken: Map<string, string>; readonly input: ConfigInput },
): readonly ListenAddress[] {
  const name = path.join(".");
  if (entries.length === 0) input.refuse(path, "must have at least one address, such as :8500");
  return entries.flatMap((entry, index) => {
    const text = addressTextOf(entry);
    const place = [...path, index];
    try {
      const address = parseListenAddress(text);
      const [[key, owner] = ["", name]] = placeOf(text, name);
      const other = taken.get(key);
      if (other !== undefined)
        input.refuse(
          place,
          `${JSON.stringify(text)} is ${other === owner ? "listed twice" : `an address of ${other}`}`,
        );
      else if (key !== "") taken.set(key, owner);
      if (address.access === "open")
        input.refuse(place, `${JSON.stringify(text)}: open:// is for the overall status; remove open://`);
      const ofProxies = typeof entry === "string" ? undefined : proxyPeersFault(entry, address);
      if (ofProxies !== undefined) input.refuse([...place, "proxyProtocol", "from"], ofProxies);
      return [address];
    } catch (error) {
      input.refuse(place, messageOf(error));
      return [];
    }
  });
}

function readForms({ content, refuse }: ConfigInput): DiscoveryForms {
  const { consul = true, xds = true, prometheus = true } = content.discovery ?? {};
  const forms = { consul, xds, prometheus };
  if (DISCOVERY_FORMS.every((name) => !forms[name]))
    refuse(
      ["discovery"],
      `has no form: ${DISCOVERY_FORMS.join(", ")} are all false; set one to true, or remove discovery`,
    );
  return forms;
}

function readDiscoveryToken(
  addresses: readonly ListenAddress[],
  { content, files, refuse }: ConfigInput,
): string | undefined {
  const { tokenFile } = content.discovery ?? {};
  if (tokenFile === undefined) {
    const open = addresses.find((address) => !isGuarded(address, content.tls?.clientCaFile !== undefined));
    if (open !== undefined)
      refuse(
        ["discovery"],
        `needs tokenFile: ${formatAddress(open)} shows the addresses of instances to clients of other machines; or set tls.clientCaFile, or listen on 127.0.0.1 or a unix socket`,
      );
    return undefined;
  }
  const path = ["discovery", "tokenFile"];
  const text = files.read(tokenFile, "token", (fault) => refuse(path, fault))?.trim();
  if (text === undefined) return undefined;
  try {
    return requireToken(text);
  } catch {
    refuse(path, `${tokenFile} must contain one word without spaces`);
    return undefined;
  }
}

/** Whether no client of another machine gets an answer there without a certificate. */
function isGuarded(address: ListenAddress, needsCertificate: boolean): boolean {
  if ("path" in address) return true;
  if (needsCertificate && address.access === "default") return true;
  return "host" in address && address.host !== undefined && isLoopback(address.host);
}

function isLoopback(host: string): boolean {
  if (/^(?:localhost|127(?:\.\d{1,3}){3})$/i.test(host)) return true;
  return isIPv6(host) && /^(?:0{0,4}:){2,7}0{0,3}1$/.test(host);
}
