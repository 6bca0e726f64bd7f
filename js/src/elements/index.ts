/* Importing this defines the elements. */
import { AlsoEditing } from "./editing.js";
import { AlsoHere } from "./here.js";
import { AlsoInbox } from "./inbox.js";
import { AlsoOnline } from "./online.js";
import { AlsoProgress } from "./progress.js";
import { AlsoRanking } from "./ranking.js";
import { AlsoToasts } from "./toasts.js";

export { setHome } from "./element.js";
export { texts } from "./texts.js";
export { AlsoEditing, AlsoHere, AlsoInbox, AlsoOnline, AlsoProgress, AlsoRanking, AlsoToasts };

function define(name: string, element: CustomElementConstructor): void {
  if (!customElements.get(name)) customElements.define(name, element);
}

if (typeof customElements !== "undefined") {
  define("also-editing", AlsoEditing);
  define("also-here", AlsoHere);
  define("also-inbox", AlsoInbox);
  define("also-online", AlsoOnline);
  define("also-progress", AlsoProgress);
  define("also-ranking", AlsoRanking);
  define("also-toasts", AlsoToasts);
}

declare global {
  interface HTMLElementTagNameMap {
    "also-editing": AlsoEditing;
    "also-here": AlsoHere;
    "also-inbox": AlsoInbox;
    "also-online": AlsoOnline;
    "also-progress": AlsoProgress;
    "also-ranking": AlsoRanking;
    "also-toasts": AlsoToasts;
  }
}
