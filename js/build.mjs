/*
 * node build.mjs [folder]: what the Python package carries, so that it needs no Node.
 *
 *   alsohere.js                 the store, the elements and socket.io-client in one module
 *   socket.io.js                socket.io-client as its authors build it, for pages written for a Socket.IO server
 *   THIRD_PARTY_LICENSES.txt    of the packages inside the two
 *   docs/swagger-ui.*           Swagger UI as its authors build it, for the page of the HTTP API, and its licences
 *
 * One module: a file per element would save a page with nothing but faces 7 kB, and cost every other one a second round of requests.
 *
 * The same input gives the same bytes: versions are pinned, and no date or path goes in.
 */
import { build } from "esbuild";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { licence, packages, RULE } from "./licences.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "../src/alsohere/server/static");

await mkdir(out, { recursive: true });
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ["src/bundle.ts"],
  outfile: join(out, "alsohere.js"),
  bundle: true,
  minify: true,
  metafile: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  banner: { js: "/* alsohere, MIT; with socket.io-client, see THIRD_PARTY_LICENSES.txt */" },
});
await copyFile(join(here, "node_modules/socket.io-client/dist/socket.io.min.js"), join(out, "socket.io.js"));
const intro = "alsohere.js and socket.io.js contain these packages.\n";
await writeFile(join(out, "THIRD_PARTY_LICENSES.txt"), [intro, ...(await Promise.all(packages(metafile).map(licence)))].join(RULE));

const swagger = join(here, "node_modules/swagger-ui-dist");
const docs = join(out, "docs");
await mkdir(docs, { recursive: true });
/** Without its source map, which is larger than the thing: a browser's tools would look for it. */
const bare = async (name) => (await readFile(join(swagger, name), "utf8")).replace(/\/[/*]# sourceMappingURL=.*$/, "").trimEnd() + "\n";
await writeFile(join(docs, "swagger-ui.js"), await bare("swagger-ui-bundle.js"));
await writeFile(join(docs, "swagger-ui.css"), await bare("swagger-ui.css"));
const inside = ["NOTICE", "swagger-ui-bundle.js.LICENSE.txt"].map((name) => readFile(join(swagger, name), "utf8"));
await writeFile(
  join(docs, "THIRD_PARTY_LICENSES.txt"),
  ["swagger-ui.js and swagger-ui.css are this package.\n", await licence("swagger-ui-dist"), ...(await Promise.all(inside))].join(RULE),
);
