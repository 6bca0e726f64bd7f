/* What the server gives as alsohere.js: everything in one file, at home where it was loaded from. */
import { serverUrl } from "./core/connect.js";
import { setHome } from "./elements/index.js";

setHome(serverUrl(new URL(".", import.meta.url).href));

export * from "./index.js";
export { AlsoEditing, AlsoHere, AlsoInbox, AlsoOnline, AlsoProgress, AlsoRanking, AlsoToasts, texts } from "./elements/index.js";
