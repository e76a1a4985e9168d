/** The plugin for Fastify. */
export { type FastifyHealthOptions, healthbridge } from "./frameworks/fastify.js";
