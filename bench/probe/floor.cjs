/**
 * The least that a probe in Node can be: connect, send the preface of HTTP/2 with empty SETTINGS, and read once.
 * Usage: node floor.cjs PORT
 */
const { connect } = require("node:net");

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

const onread = { buffer: Buffer.allocUnsafe(16_384), callback: () => process.exit(0) };
connect({ host: "127.0.0.1", port: Number(process.argv[2]), onread }).write(PREFACE, "latin1");
