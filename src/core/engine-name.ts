/** The engines that can speak HTTP/2 on our listeners: `native` is ours, made for health checks. */
export const ENGINE_NAMES = ["native", "grpc-js"] as const;

/** The name of an engine. */
export type EngineName = (typeof ENGINE_NAMES)[number];

/** The engine that is used if nothing else is configured. */
export const DEFAULT_ENGINE: EngineName = "native";
