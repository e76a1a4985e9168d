/** The shapes of the options of a target: what is expected, TLS, and the login of an OAuth2 client. */
import * as v from "valibot";
import { CHECK_SETTINGS } from "../checks/settings.js";
import { WARN_BEFORE_MS } from "../core/certificate-time.js";
import { formatDuration } from "../core/duration.js";
import { TLS_VERSIONS } from "../core/tls-version.js";
import { OAUTH_METHODS } from "../probers/options.js";
import { describeSetting } from "./keys.js";
import {
  choice,
  count,
  duration,
  group,
  isTable,
  kindOf,
  listOf,
  oneOf,
  shown,
  switchValue,
  table,
  text,
  texts,
  url,
} from "./schema-parts.js";

const tlsVersion = (description: string) =>
  v.pipe(
    v.picklist(TLS_VERSIONS, ({ input }) => `must be 1.2 or 1.3, or for old targets 1.0 or 1.1; got ${shown(input)}`),
    v.description(description),
  );

const BODY_TEXT = text("Text that the body must contain.");

const BODY_PATTERN = group(
  { matches: text("An RE2 regular expression that the body must match.") },
  "What the body must be.",
);

const EXIT_CODE = count("Only exec: the exit code, or the list of exit codes, that is a warning. Default none.");
const EXIT_CODES = v.array(EXIT_CODE);

const HEADER_VALUE = v.nullable(text("The value that one of the header's values must have; null: no such header."));

const HEADER_PATTERN = group(
  { matches: text("An RE2 regular expression that the header must match.") },
  "What the header must be.",
);

const HEADER = choice(v.union([HEADER_VALUE, HEADER_PATTERN]), (input) =>
  isTable(input) ? HEADER_PATTERN : HEADER_VALUE,
);

export const EXPECT = group(
  {
    status: v.optional(
      v.pipe(
        listOf(
          v.union([v.number(), v.string()], "must be a status or a range: 204, 200-299"),
          (input) => `must be a list of statuses and ranges, such as [204, 200-299], not ${kindOf(input)}`,
        ),
        v.description("HTTP statuses and ranges. Default 200-299."),
      ),
    ),
    body: v.optional(
      choice(v.union([BODY_TEXT, BODY_PATTERN]), (input) => (isTable(input) ? BODY_PATTERN : BODY_TEXT)),
    ),
    headers: v.optional(
      table(
        HEADER,
        "Headers of the response, with what each must be: a value, { matches: PATTERN }, or null if it must not be there.",
      ),
    ),
    json: v.optional(
      table(
        v.union([v.string(), v.number(), v.boolean(), v.null()], "must be text, a number, true, false or null"),
        "Values in a JSON body by their path: status, checks.db.ok, items[0].name.",
      ),
    ),
    minVersion: v.optional(tlsVersion("Only tls: the oldest version of TLS that passes, such as 1.3.")),
    warn: v.optional(choice(v.union([EXIT_CODE, EXIT_CODES]), (is) => (Array.isArray(is) ? EXIT_CODES : EXIT_CODE))),
    answers: v.optional(
      v.pipe(
        listOf(
          text("value"),
          (input) => `must be a list of values, such as [10.0.0.1] or ["10 mail.example.com"], not ${kindOf(input)}`,
        ),
        v.description("Values that must be among the answers of a dns target."),
      ),
    ),
    maxLatency: v.optional(duration(describeSetting(CHECK_SETTINGS.maxLatency))),
  },
  "What the answer must be.",
);

/** @param peer what is connected to, as the texts say it */
const tlsOf = (peer: string) =>
  ({
    ca: v.optional(
      oneOf(["system"], "system: trust the CA certificates of the operating system instead of Node's list."),
    ),
    caFile: v.optional(text(`Certificates (PEM) that are trusted instead of Node's list: of a CA, or of the ${peer}.`)),
    certFile: v.optional(text(`The client certificate (PEM), for ${peer}s that ask for one.`)),
    keyFile: v.optional(text("The key of the client certificate (PEM).")),
    serverName: v.optional(text(`The name that the ${peer}'s certificate must have. Default: the ${peer}'s host.`)),
    minVersion: v.optional(tlsVersion("The oldest version of TLS: 1.0, 1.1, 1.2 or 1.3. Default 1.2.")),
    maxVersion: v.optional(tlsVersion("The newest version of TLS. Default: the newest that Node supports.")),
    verify: v.optional(switchValue(`Whether the ${peer}'s certificate must be valid. Default true.`)),
  }) as const;

export const TARGET_TLS = group(
  {
    ...tlsOf("target"),
    warnBefore: v.optional(
      duration(
        `A certificate that expires within this time makes the services of the check degraded. Default ${formatDuration(WARN_BEFORE_MS)}.`,
      ),
    ),
  },
  "How to use TLS with the target.",
);

/** The same without what only a check needs. */
export const RECEIVER_TLS = group(tlsOf("receiver"), "How to use TLS with the receiver.");

export const STORE_TLS = group(tlsOf("store"), "How to use TLS with the store.");

export const AUTH = group(
  {
    clientId: text("The client's id."),
    clientSecret: text("The client's secret. Take it from ${NAME} or ${file:PATH}."),
    tokenUrl: url("The token endpoint of the authorization server, as a URL."),
    scopes: v.optional(texts("The scopes of the token.")),
    audience: v.optional(text("The audience of the token, for servers that ask for one.")),
    method: v.optional(
      oneOf(
        OAUTH_METHODS,
        `How the id and the secret are sent: ${OAUTH_METHODS.join(" or ")}. Default ${OAUTH_METHODS[0]}.`,
      ),
    ),
  },
  "Only http: OAuth2 client credentials; requests carry the token that they give.",
);

export const HTTP_2 = v.union(
  [v.boolean(), v.literal("prior-knowledge")],
  ({ input }) => `must be true, false or prior-knowledge; got ${shown(input)}`,
);
