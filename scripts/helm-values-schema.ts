/**
 * The JSON Schema of the chart's values: what Helm refuses before it installs anything.
 *
 *     healthbridge schema --> config: the keys of healthbridge.yaml, without those that the chart sets
 *     this file           --> all other values: an unknown one is an error
 *
 * It has no default and no meaning of a value: values.yaml has them.
 */
import { jsonSchema } from "../src/cli/schema.js";

const text = { type: "string" };
const name = { type: "string", maxLength: 253, pattern: "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$" };
const flag = { type: "boolean" };
const port = { type: "integer", minimum: 1, maximum: 65_535 };
const seconds = { type: "integer", minimum: 0 };
const object = { type: "object" };
const texts = { type: "object", additionalProperties: text };
const duration = { type: "string", pattern: "^([0-9]+(ms|s|m|h))+$" };
const list = (items: object) => ({ type: "array", items });
const oneOf = (...values: readonly string[]) => ({ enum: values });
/** A table that has these keys only. */
const table = (properties: Readonly<Record<string, object>>) => ({
  type: "object",
  properties,
  additionalProperties: false,
});

const VALUES = {
  image: table({
    repository: text,
    tag: text,
    pullPolicy: oneOf("Always", "IfNotPresent", "Never"),
    pullSecrets: list(table({ name })),
  }),
  replicas: { type: "integer", minimum: 0 },
  secrets: list({ ...name, minLength: 1 }),
  extraEnv: list({ type: "object", required: ["name"] }),
  extraArgs: list(text),
  extraVolumes: list(object),
  extraVolumeMounts: list(object),
  tls: table({ secretName: name, clientCa: flag, allowClients: table({ dns: list(text), uri: list(text) }) }),
  service: table({
    type: oneOf("ClusterIP", "NodePort", "LoadBalancer"),
    annotations: texts,
    grpcPort: port,
    httpPort: port,
  }),
  probes: table({ readinessView: oneOf("liveness", "readiness") }),
  preStopSeconds: seconds,
  terminationGracePeriodSeconds: seconds,
  podDisruptionBudget: table({ enabled: flag, maxUnavailable: { type: ["integer", "string"] } }),
  networkPolicy: table({ enabled: flag, ingress: list(object), egress: list(object) }),
  serviceMonitor: table({ enabled: flag, interval: duration, labels: texts, endpoint: object }),
  prometheusRule: table({ enabled: flag, labels: texts }),
  serviceAccount: table({ create: flag, name, annotations: texts }),
  resources: object,
  podAnnotations: texts,
  podLabels: texts,
  nodeSelector: texts,
  tolerations: list(object),
  affinity: object,
  priorityClassName: text,
  // Helm gives these to each chart that is part of another one
  global: object,
};

/** The keys of `fleet` that the chart sets. */
const OF_CHART = ["name", "store", "secretFile", "member", "zone"];

/** `fleet` of the configuration without these keys. */
function fleetOptions({ properties }: { readonly properties: Readonly<Record<string, object>> }): object {
  return table(Object.fromEntries(Object.entries(properties).filter(([key]) => !OF_CHART.includes(key))));
}

const fleet = (options: object) =>
  table({
    enabled: flag,
    name: text,
    secretName: name,
    ...{ storeKey: { ...text, minLength: 1 }, secretKey: { ...text, minLength: 1 } },
    kind: oneOf("StatefulSet", "Deployment"),
    zoneField: text,
    options,
  });

/** The text of values.schema.json. */
export function valuesSchema(): string {
  // both are of jsonSchema(), whose form valibot decides: `{ $ref, $defs }`
  const { $ref, $defs, $schema } = Object(jsonSchema());
  const definition = (ref: string) => $defs[ref.slice("#/$defs/".length)];
  const options = fleetOptions(definition(definition($ref).properties.fleet.$ref));
  const schema = {
    $schema,
    title: "Values of the chart healthbridge",
    ...table({ config: { $ref }, ...VALUES, fleet: fleet(options) }),
    $defs,
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}
