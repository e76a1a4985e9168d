/** The shape of `fleet`, and the keys of a check that are about it. */
import * as v from "valibot";
import { SCOPES } from "../fleet/records/vote.js";
import { choice, count, duration, group, oneOf, shown, text, textOrNone, url } from "./schema-parts.js";
import { STORE_TLS } from "./target-schema.js";

const MAJORITY = v.literal("majority", ({ input }) => `must be majority or a number; got ${shown(input)}`);

const AGREE_COUNT = count("How many members.");

/** The number of members that must agree. */
const agree = (description: string) =>
  v.pipe(
    choice(v.union([AGREE_COUNT, MAJORITY]), (input) => (typeof input === "number" ? AGREE_COUNT : MAJORITY)),
    v.description(description),
  );

const COPIES = "How many members probe a check, at most 16.";

const AGREE =
  "How many of these members must find a failure before the check fails: majority, or a number up to copies.";

/** What a member does while the store is gone. */
export const STORE_GONE = ["auto", "all", "share"] as const;

export const FLEET = group(
  {
    name: text("The name of the fleet: members with the same store and name belong together."),
    store: url(
      "Where members meet: redis://, rediss://, redis+sentinel://, redis+cluster:// or postgres://. Take a password from ${NAME} or ${file:PATH}.",
    ),
    tls: v.optional(STORE_TLS),
    secretFile: v.optional(
      text(
        "A file with a secret of 16 or more characters, the same for all members. It signs all records. Required for Redis and Valkey.",
      ),
    ),
    member: v.optional(text("The name of this member, which no other one may have. Default: the host name.")),
    zone: v.optional(
      textOrNone(
        "Where this member runs. The members that probe a check are in different zones, where possible. Empty: no zone.",
      ),
    ),
    copies: v.optional(count(`${COPIES} Default 2.`)),
    agree: v.optional(agree(`${AGREE} Default majority.`)),
    beat: v.optional(duration("How often a member shows that it is alive. From 200ms to 10s. Default 1s.")),
    lease: v.optional(
      duration(
        "The time without a beat after which a member counts as dead: at least 3 beats, at most 1m. Default 5s.",
      ),
    ),
    settle: v.optional(
      duration("How long the list of members must be unchanged before checks move. At most 30s. Default 2s."),
    ),
    capacity: v.optional(count("The number of probes a second that this member can do. Default 4000.")),
    whenStoreIsGone: v.optional(
      oneOf(
        STORE_GONE,
        "What this member probes while the store is gone for longer than a lease. all: every check. share: its share. auto: every check, if that is within its capacity. Default auto.",
      ),
    ),
  },
  "Several daemons that share checks and statuses.",
);

export const FLEET_CHECK_KEYS = {
  scope: v.optional(
    oneOf(
      SCOPES,
      "Only with fleet: who probes the check. shared: copies of the members. local: each member for itself. each: all members, and they agree. Default shared; local for exec, unix sockets, host.docker.internal, loopback and link-local addresses.",
    ),
  ),
  copies: v.optional(count(`Only with fleet: ${COPIES.replace("How", "how")} Default: that of fleet.`)),
  agree: v.optional(agree(`Only with fleet: ${AGREE.replace("How", "how")} Default: that of fleet.`)),
} as const;
