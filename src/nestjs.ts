/** The module for NestJS, and the adapter for the indicators of Terminus. */
export { HealthbridgeModule, type NestHealthAsyncOptions, type NestHealthModule } from "./frameworks/nestjs.js";
export { nestIndicator } from "./frameworks/nestjs-indicator.js";
export type { NestCheck, NestHealthOptions } from "./frameworks/nestjs-options.js";
