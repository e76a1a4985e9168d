/** Placeholder. */
import type { WatchCall } from "./watch.js";

export interface ReflectionService {
  readonly paths: readonly string[];
  open(path: string, call: WatchCall): ReflectionStream;
}

export interface ReflectionStream {
  receive(message: Uint8Array, onHandled: () => void): void;
  halfClose(): void;
  close(): void;
}
