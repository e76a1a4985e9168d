/** File descriptors for tests of reflection: what a server of a shop could have. */
import type { IFileDescriptorProto } from "protobufjs/ext/descriptor/index.js";
import { DescriptorIndex } from "../../../src/transports/grpc/descriptor-index.js";
import { writeFile } from "../../support/reflection.js";

/**
 *     shop/all.proto --> shop/orders.proto --> shop/base.proto
 *            |'--------> shop/more-options.proto ----^
 *            '---------> shop/lost.proto (which the server does not have)
 *     shop/options.proto --> shop/base.proto
 */
const FILES: Readonly<Record<string, IFileDescriptorProto>> = {
  "shop/base.proto": {
    package: "shop",
    syntax: "proto2",
    messageType: [
      { name: "Options", extensionRange: [{ start: 10, end: 100 }] },
      { name: "Plain", field: [{ name: "text", number: 1, type: 9 }] },
    ],
    enumType: [{ name: "Currency", value: [{ name: "EUR", number: 0 }] }],
  },
  "shop/options.proto": {
    package: "shop",
    dependency: ["shop/base.proto"],
    extension: [
      { name: "colour", extendee: ".shop.Options", number: 13, type: 9 },
      { name: "size", extendee: ".shop.Options", number: 19, type: 5 },
    ],
    messageType: [{ name: "Holder", extension: [{ name: "nested", extendee: ".shop.Options", number: 17, type: 9 }] }],
  },
  "shop/more-options.proto": {
    package: "shop.more",
    dependency: ["shop/base.proto"],
    extension: [
      { name: "weight", extendee: ".shop.Options", number: 29, type: 5 },
      { name: "width", extendee: ".shop.Options", number: 23, type: 5 },
    ],
  },
  "shop/orders.proto": {
    package: "shop.orders.v1",
    syntax: "proto3",
    dependency: ["shop/base.proto"],
    messageType: [
      {
        name: "Order",
        field: [{ name: "id", number: 1, type: 9 }],
        nestedType: [
          {
            name: "Line",
            field: [
              { name: "sku", number: 1, type: 9, oneofIndex: 0 },
              { name: "gift", number: 2, type: 8, oneofIndex: 0 },
            ],
            oneofDecl: [{ name: "item" }],
          },
        ],
        enumType: [{ name: "State", value: [{ name: "NEW", number: 0 }] }],
      },
    ],
    service: [
      {
        name: "Orders",
        method: [
          { name: "Get", inputType: ".shop.orders.v1.Order", outputType: ".shop.orders.v1.Order" },
          { name: "Follow", inputType: ".shop.orders.v1.Order", outputType: ".shop.Plain", serverStreaming: true },
        ],
      },
    ],
  },
  "shop/all.proto": { dependency: ["shop/orders.proto", "shop/more-options.proto", "shop/lost.proto"] },
  // no package: its names have no dot
  "shop/loose.proto": { messageType: [{ name: "Loose" }], service: [{ name: "Alone", method: [{ name: "Do" }] }] },
  "shop/late.proto": { package: "shop.after", service: [{ name: "Late" }] },
};

export const shopBytes: ReadonlyMap<string, Buffer> = new Map(
  Object.entries(FILES).map(([name, file]) => [name, writeFile({ name, ...file })]),
);

export const shopIndex = (): DescriptorIndex => new DescriptorIndex(shopBytes.values());
