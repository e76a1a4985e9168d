/** Makes the build another version of the format of records: `node -r other-format.cjs dist/cli/main.cjs`. */
const Module = require("node:module");

const compile = Module.prototype._compile;
Module.prototype._compile = function (content, filename) {
  if (!filename.endsWith("/cli/commands.cjs")) return compile.call(this, content, filename);
  const parts = content.split("FORMAT = 1;");
  if (parts.length !== 2) throw new Error("the build has no constant FORMAT");
  return compile.call(this, parts.join("FORMAT = 2;"), filename);
};
