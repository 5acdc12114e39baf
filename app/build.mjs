// Bundles src/ into ../assets/argus_panels.js, with a digest of the sources in its first line,
// so that a test can tell a bundle that was not built again after a change.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";

const digest = createHash("sha256");
for (const name of readdirSync("src").sort()) digest.update(name).update(readFileSync(`src/${name}`));

await build({
  entryPoints: ["src/index.tsx"],
  outfile: "../assets/argus_panels.js",
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2020",
  charset: "utf8",
  banner: { js: `/* Argus panels for FiftyOne, built from app/src; sources ${digest.digest("hex")} */` },
});
