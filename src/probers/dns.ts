/**
 * `dns:NAME` and `dns://SERVER[:53]/NAME`, each with `?type=MX`: passes when the name has a record of the type.
 *
 * The form is that of RFC 4501. Without a server, the system's name servers are asked; when none of them answers, that is
 * a prober error and no failure of the name. With a server, the server is checked too.
 */
import { promises as dns, type RecordWithTtl } from "node:dns";
import { closeSync, openSync } from "node:fs";
import { isIP } from "node:net";
import type { ProberDeps } from "./options.js";
import { fail, PASS, type ProbeResult, type Prober, ProberError } from "./prober.js";
import { localFault } from "./reasons.js";
import { decodePart, hostOf, invalidTarget } from "./target.js";

const TYPES = ["A", "AAAA", "CAA", "CNAME", "MX", "NAPTR", "NS", "PTR", "SOA", "SRV", "TXT"] as const;

/** Codes of answers without such a record. */
const NO_RECORD: ReadonlySet<string> = new Set(["ENOTFOUND", "ENODATA"]);

/** A prober of a name. */
export function openDns(target: URL, { resolver }: ProberDeps): Prober {
  const { href, searchParams } = target;
  // what follows may be a part of a password, and is not shown
  if (href.includes("@")) throw invalidTarget(href, "a name has no @; expected dns:example.com");
  const name = decodePart(target, target.pathname.replace(/^\//, ""), "name");
  const type = (searchParams.get("type") ?? "A").toUpperCase();
  const known = TYPES.find((each) => each === type);
  if (name === "") throw invalidTarget(href, "a name is missing; expected dns:example.com or dns://server/example.com");
  if (known === undefined) throw invalidTarget(href, `unknown record type ${type}; known: ${TYPES.join(", ")}`);
  const stray = [...searchParams.keys()].find((key) => key !== "type");
  if (stray !== undefined)
    throw invalidTarget(href, `unknown parameter ${JSON.stringify(stray)}; the only one is type`);
  const server = hostOf(target);
  return {
    async probe({ signal, timeoutMs }) {
      const nameServers = new dns.Resolver({ timeout: Math.max(1, Math.floor(timeoutMs / 2)), tries: 2 });
      const cancel = () => nameServers.cancel();
      signal.addEventListener("abort", cancel, { once: true });
      try {
        if (server !== "") nameServers.setServers(await addressesOf(server, target.port, resolver));
        const records: readonly (RecordWithTtl | object | string)[] = [await nameServers.resolve(name, known)].flat();
        return records.length > 0 ? PASS : fail("dns", `${name} has no record of type ${known}`);
      } catch (error) {
        requireDescriptor();
        return judge(error, server !== "");
      } finally {
        signal.removeEventListener("abort", cancel);
      }
    },
    close() {},
  };
}

function judge(error: unknown, isServerNamed: boolean): ProbeResult {
  const { code = "", message = "" } = Object(error);
  if (error instanceof ProberError) throw error;
  if (NO_RECORD.has(code)) return fail("dns", String(message));
  if (!isServerNamed && code !== "ECANCELLED") throw new ProberError("dns", String(message), { cause: error });
  if (code === "ECONNREFUSED") return fail("refused", String(message));
  if (code === "ETIMEOUT" || code === "ECANCELLED") return fail("timeout", String(message));
  return fail("answer", String(message));
}

/**
 * The DNS library reports a socket that cannot be opened as a refusal of the name server.
 * @throws ProberError where no file descriptor is free
 */
function requireDescriptor(): void {
  try {
    closeSync(openSync("/dev/null", "r"));
  } catch (error) {
    const local = localFault(error);
    if (local !== undefined) throw local;
  }
}

/** The addresses of a server, in the form of `setServers`. */
async function addressesOf(server: string, port: string, resolver: ProberDeps["resolver"]): Promise<string[]> {
  const found = isIP(server) === 0 ? await lookUp(server, resolver) : [server];
  return found.map((address) => (isIP(address) === 6 ? `[${address}]:${port || 53}` : `${address}:${port || 53}`));
}

function lookUp(server: string, { lookup }: ProberDeps["resolver"]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    lookup(server, { all: true }, (error, found) => {
      if (error !== null) reject(new ProberError("dns", error.message, { cause: error }));
      else resolve(Array.isArray(found) ? found.map(({ address }) => address) : [found]);
    });
  });
}
