/*
 * node build-example.mjs [folder]: the page of examples/document_occupied with React, so that the example needs no Node.
 * The same input gives the same bytes.
 */
import { build } from "esbuild";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { licence, packages, RULE } from "./licences.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const example = join(here, "../examples/document_occupied");
const out = process.argv[2] ?? example;

const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: [join(example, "page/page.jsx")],
  nodePaths: [join(here, "node_modules")],
  outfile: join(out, "page.js"),
  bundle: true,
  minify: true,
  metafile: true,
  format: "iife",
  platform: "browser",
  target: "es2022",
  charset: "utf8",
  jsx: "automatic",
  define: { "process.env.NODE_ENV": '"production"' },
  legalComments: "none",
  banner: { js: "/* From page/, with React and socket.io-client; see THIRD_PARTY_LICENSES.txt */" },
});
const intro = "page.js contains these packages.\n";
await writeFile(join(out, "THIRD_PARTY_LICENSES.txt"), [intro, ...(await Promise.all(packages(metafile).map(licence)))].join(RULE));
