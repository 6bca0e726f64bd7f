/* What the store and the elements add to socket.io-client, compressed. Fails where it is too much. */
import { build } from "esbuild";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

// The store: 4.8 kB for presence, which can be had alone, 1.9 for locks, 3 for the inbox. The elements: 6 for the two that show faces, 3.9 for <also-editing>, 3.2 for the two that show
// a place and a ranking, 10.5 for the inbox, its settings and its toasts.
const LIMITS = { "src/presence.ts": 5 * 1000, "src/index.ts": 9.75 * 1024, "src/bundle.ts": 33.5 * 1024 };

let tooBig = false;
for (const [entry, limit] of Object.entries(LIMITS)) {
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(new URL(".", import.meta.url)),
    entryPoints: [entry],
    external: ["socket.io-client"],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
  });
  const size = gzipSync(outputFiles[0].contents, { level: 9 }).length;
  tooBig ||= size > limit;
  console.log(`${entry}: ${size} bytes gzip of ${limit}${size > limit ? "  TOO BIG" : ""}`);
}
process.exitCode = tooBig ? 1 : 0;
