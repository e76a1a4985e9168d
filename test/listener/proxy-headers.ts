/** Headers of the PROXY protocol, version 2, right and wrong. */

const SIGNATURE = "0d0a0d0a000d0a515549540a";

/** 192.0.2.1:56324 to 198.51.100.7:443. */
export const TCP4 = Buffer.from("c0000201c6336407dc0401bb", "hex");

/** [2001:db8::1]:56324 to [2001:db8::2]:443. */
export const TCP6 = Buffer.from(`20010db8${"0".repeat(23)}120010db8${"0".repeat(23)}2dc0401bb`, "hex");

/** A header; by default of the command PROXY and of TCP over IPv4. */
export function headerV2({
  command = 0x21,
  protocol = 0x11,
  address,
  values = [],
}: {
  readonly command?: number;
  readonly protocol?: number;
  readonly address: Buffer;
  readonly values?: readonly Buffer[];
}): Buffer {
  const content = Buffer.concat([address, ...values]);
  const head = Buffer.concat([Buffer.from(SIGNATURE, "hex"), Buffer.from([command, protocol, 0, 0])]);
  head.writeUInt16BE(content.length, 14);
  return Buffer.concat([head, content]);
}

/** A value with its type and length. */
export function value(type: number, text: string): Buffer {
  const head = Buffer.from([type, 0, 0]);
  head.writeUInt16BE(text.length, 1);
  return Buffer.concat([head, Buffer.from(text, "latin1")]);
}
