/** The shape of `discovery` and of `haproxyAgent`. */
import * as v from "valibot";
import type { ListenEntry } from "../core/listen-point.js";
import { group, switchValue, text, texts } from "./schema-parts.js";

const form = (meaning: string) => v.optional(switchValue(`${meaning} Default true. A change needs a restart.`));

/** @param listen the shape of addresses with their settings */
export const discoverySchema = <Listen extends v.GenericSchema<unknown, ListenEntry[]>>(listen: Listen) =>
  group(
    {
      listen,
      tokenFile: v.optional(
        text(
          "A file with a token that each request needs, as X-Consul-Token, as ?token=, or as Bearer. Required, unless each address is loopback or a unix socket, or clients must show a certificate (tls.clientCaFile).",
        ),
      ),
      consul: form("Whether the read side of Consul's HTTP API is served."),
      xds: form("Whether xDS v3 is served, for Envoy and for gRPC's xds:/// clients."),
      prometheus: form("Whether Prometheus' HTTP service discovery is served, at /prometheus/sd."),
    },
    "A listener that shows load balancers and meshes the addresses and states of instances. A change needs a restart.",
  );

export const HAPROXY_AGENT = group(
  {
    listen: texts(
      "Addresses for HAProxy's agent-check, such as 127.0.0.1:8501: clear text without a token. A change needs a restart.",
    ),
    weights: v.optional(
      switchValue(
        "Whether a degraded instance gets 50% of its weight, and a service the share of its healthy instances. HAProxy rounds down, so each server needs weight 100: with weight 1 it would get no traffic. Default false. A change needs a restart.",
      ),
    ),
  },
  "A listener that answers HAProxy's agent-check with the state of the instance or service that agent-send names. A change needs a restart.",
);
