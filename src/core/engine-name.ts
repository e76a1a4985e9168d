/** The engines that serve HTTP/2: `native`, made for health checks, and `grpc-js`, the reference. */
export const ENGINE_NAMES = ["native", "grpc-js"] as const;

export type EngineName = (typeof ENGINE_NAMES)[number];

/** The engine that is used if nothing else is configured. */
export const DEFAULT_ENGINE: EngineName = "native";
