/** The keys of a check that are about instances and discovery. */
import * as v from "valibot";
import { choice, count, duration, group, isTable, oneOf, shown, text, texts } from "./schema-parts.js";

const INSTANCES = group(
  {
    dns: v.optional(text("A name: each of its A and AAAA records is an address. It needs port.")),
    port: v.optional(count("Only with dns: the port of each address.")),
    srv: v.optional(text("A name such as _grpc._tcp.orders.example: each of its SRV records is an address.")),
    file: v.optional(
      text("Files of Prometheus' file_sd, in JSON or YAML. In the last part of the path, * is any text."),
    ),
    refresh: v.optional(
      duration(
        "How often the names are looked up, and how long an address stays that is not found any more. From 1s to 1h. Default 10s.",
      ),
    ),
    hashKey: v.optional(
      text("A key of the hashes in the names of the checks. Take it from ${file:PATH}. Default: none."),
    ),
  },
  "Makes one check for each address of a source. The target has {address}, or {host} and {port}.",
);

const WORDS = ["any", "all"] as const;

const WORD = oneOf(WORDS, "any: one of the instances must be healthy. all: each of them.");

const QUORUM = group({ quorum: count("The minimum number of healthy instances.") }, "A minimum number of instances.");

const POLICY = choice(v.union([WORD, QUORUM]), (input) => {
  if (isTable(input)) return QUORUM;
  return v.picklist(WORDS, `must be any, all or { quorum: N }; got ${shown(input)}`);
});

export const INSTANCE_KEYS = {
  instances: v.optional(INSTANCES),
  policy: v.optional(
    v.pipe(POLICY, v.description("Only with instances: how many of them the service needs. Default any.")),
  ),
  advertise: v.optional(
    text("Where discovery sends traffic, as HOST:PORT with {host} and {port}. Default: host and port of the target."),
  ),
  tags: v.optional(texts("Tags of the instance in discovery.")),
  weight: v.optional(
    count(
      "The weight of an instance in discovery, compared with others: 1 to 65535. Default 1. A weight of the source counts more.",
    ),
  ),
} as const;
