/**
 * Every place that a secret can have in a configuration. A new option that holds one needs a row here.
 *
 *     row(secret) --> a check, in the words of a file; `${S}` in it stands for the secret
 */
import type { EchoTargets } from "./echo-targets.js";

/** One place. */
export interface SecretPlace {
  readonly label: string;
  /**
   * The entry of a check. `${S}` is the secret, `${E}` the secret percent-encoded, `${B}` in base64, `${H}` in hexadecimal,
   * `${file:F}` a file with it.
   */
  readonly entry: (targets: EchoTargets) => Readonly<Record<string, unknown>>;
  /** Whether the place can hold a secret. Default: any. */
  readonly takes?: (secret: string) => boolean;
}

const echoed = { expect: { json: { echo: "x", "more.url": "x" } } };
const echoedHeader = { expect: { status: 503, headers: { "x-echo": "x" } } };
const address = ({ port }: { readonly port: number }) => `127.0.0.1:${port}`;
const isHeaderValue = (secret: string) => /^[\x20-\x7e]*$/.test(secret);
const isWord = (secret: string) => /^[\x21-\x7e]+$/.test(secret);

const LOGINS: readonly (readonly [scheme: string, target: keyof EchoTargets, more?: object])[] = [
  ["http", "http", { expect: { status: 503, json: { echo: "x" } } }],
  ["flower+http", "http"],
  ["redis", "redis"],
  ["amqp", "amqp"],
  ["postgres", "postgres"],
  ["mysql", "closed"],
];

export const SECRET_PLACES: readonly SecretPlace[] = [
  ...LOGINS.flatMap(([scheme, target, more = {}]): readonly SecretPlace[] => [
    {
      label: `the user info of ${scheme}`,
      entry: (targets) => ({ target: `${scheme}://me:\${S}@${address(targets[target])}`, ...more }),
    },
    {
      label: `the user info of ${scheme}, percent-encoded`,
      entry: (targets) => ({ target: `\${SCHEME:-${scheme}}://me:\${E}@${address(targets[target])}`, ...more }),
    },
    {
      label: `password of ${scheme}`,
      entry: (targets) => ({ target: `${scheme}://me@${address(targets[target])}`, password: "${S}", ...more }),
    },
    {
      label: `password of ${scheme}, from a file`,
      entry: (targets) => ({
        target: `${scheme}://${address(targets[target])}`,
        user: "me",
        password: "${file:F}",
        ...more,
      }),
    },
    {
      label: `user info of ${scheme} at a closed port`,
      entry: ({ closed }) => ({ target: `${scheme}://me:\${S}@${address(closed)}`, ...more }),
    },
  ]),
  {
    label: "a user name alone, which is a token over HTTP",
    entry: ({ http }) => ({ target: `http://\${S}@${address(http)}`, expect: { status: 503, json: { echo: "x" } } }),
    takes: (secret) => !secret.includes(":"),
  },
  {
    label: "user alone over HTTP",
    entry: ({ http }) => ({ target: `http://${address(http)}`, user: "${S}", ...echoedHeader }),
    takes: (secret) => !secret.includes(":") && isHeaderValue(secret),
  },
  {
    label: "the header authorization",
    entry: ({ http }) => ({ target: `http://${address(http)}`, headers: { authorization: "Bearer ${S}" }, ...echoed }),
    takes: isHeaderValue,
  },
  {
    label: "another header",
    entry: ({ http }) => ({
      target: `http://${address(http)}`,
      headers: { "x-api-key": "${S}" },
      expect: { status: 503, json: { "more.headers.x-api-key": "x" } },
    }),
    takes: isHeaderValue,
  },
  {
    label: "a query parameter",
    entry: ({ http }) => ({ target: `http://${address(http)}/?token=\${E}`, ...echoedHeader }),
    takes: isHeaderValue,
  },
  {
    label: "a body",
    entry: ({ http }) => ({
      target: `http://${address(http)}`,
      body: "password=${S}",
      expect: { status: 503, json: { "more.body": "x" } },
    }),
  },
  {
    label: "the client secret of OAuth2, at a token endpoint that refuses it",
    entry: ({ http }) => ({
      target: `http://${address(http)}`,
      auth: { clientId: "me", clientSecret: "${S}", tokenUrl: `http://${address(http)}/token` },
    }),
  },
  {
    label: "the client secret of OAuth2, in the body",
    entry: ({ http }) => ({
      target: `http://${address(http)}`,
      auth: {
        clientId: "me",
        clientSecret: "${S}",
        tokenUrl: `http://${address(http)}/`,
        method: "client_secret_post",
      },
    }),
  },
  {
    label: "the metadata of a gRPC call",
    entry: ({ closed }) => ({ target: `grpc://${address(closed)}`, metadata: { authorization: "Bearer ${S}" } }),
    takes: isHeaderValue,
  },
  {
    label: "a dialogue",
    entry: ({ redis }) => ({
      target: `tcp://${address(redis)}`,
      dialogue: [{ send: "AUTH ${S}\r\n", expect: "+OK" }],
    }),
  },
  {
    label: "a dialogue over UDP",
    entry: ({ udp }) => ({ target: `udp://${address(udp)}`, dialogue: [{ send: "AUTH ${S}", expect: "+OK" }] }),
  },
  {
    label: "a message of a WebSocket",
    entry: ({ ws }) => ({ target: `ws://${address(ws)}`, dialogue: [{ send: "AUTH ${S}", expect: "+OK" }] }),
    takes: (secret) => !secret.includes("\t"),
  },
  {
    label: "a header and the query of a WebSocket",
    entry: ({ ws }) => ({
      target: `ws://${address(ws)}/?token=\${E}`,
      headers: { authorization: "Bearer ${S}" },
      dialogue: [{ expect: "+OK" }],
    }),
    takes: isHeaderValue,
  },
  {
    label: "bytes of a dialogue",
    entry: ({ redis }) => ({
      target: `tcp://${address(redis)}`,
      dialogue: [{ send: { hex: "${H}" }, expect: "+OK" }],
    }),
  },
  {
    label: "what a header and a value of JSON with the name of a secret must be",
    entry: ({ http }) => ({
      target: `http://${address(http)}`,
      expect: { status: 503, headers: { "x-token": "${S}" }, json: { "more.token": "${S}" } },
    }),
    takes: isHeaderValue,
  },
  {
    label: "binary metadata of a gRPC call",
    entry: ({ closed }) => ({ target: `grpc://${address(closed)}`, metadata: { "token-bin": "${B}" } }),
  },
  {
    label: "arguments of a program",
    entry: () => ({
      exec: [
        "sh",
        "-c",
        'echo "$$*" >&2; exit 1',
        "check",
        "--password=${S}",
        "--token",
        "${S}",
        "-d",
        "db://me:${E}@h/",
      ],
    }),
  },
  {
    label: "the token of a heartbeat",
    entry: () => ({ heartbeat: { ttl: "1s", token: "${S}" } }),
    takes: isWord,
  },
];

/** Parts of an entry that make it invalid: each error may show what is near the secret. */
export const MISTAKES: readonly (readonly [label: string, change: (entry: object) => object])[] = [
  ["an unknown key", (entry) => ({ ...entry, pasword: "${S}" })],
  ["a secret as a duration", (entry) => ({ ...entry, interval: "${S}", staleAfter: "5${S}s" })],
  ["a secret as a name", (entry) => ({ ...entry, services: ["${S}", "${S}\u0000"] })],
  ["another kind of check too", (entry) => ({ ...entry, exec: ["${S}"] })],
  ["an unknown scheme", (entry) => withTarget(entry, (target) => target.replace(/^[^:]*:/, "gprc:"))],
  ["no scheme", (entry) => withTarget(entry, (target) => target.replace(/^.*:\/\//, ""))],
  ["a port that is none", (entry) => withTarget(entry, (target) => target.replace(/:\d+/, ":99999"))],
  ["a scheme without a login", (entry) => withTarget(entry, (target) => target.replace(/^[^:]*:/, "tcp:"))],
  ["a fragment", (entry) => withTarget(entry, (target) => `${target}#x`)],
  [
    "a login twice",
    (entry) => ({
      user: "${S}",
      password: "${S}",
      ...withTarget(entry, (target) => target.replace("://", "://${S}:${S}@")),
    }),
  ],
  ["headers that cannot be sent", (entry) => ({ ...entry, headers: { "a b": "${S}", te: "${S}" } })],
];

function withTarget(entry: object, change: (target: string) => string): object {
  return "target" in entry ? { ...entry, target: change(String(entry.target)) } : { ...entry, target: "${S}" };
}
