/* Importing this defines the elements. */
import { AlsoHere } from "./here.js";
import { AlsoOnline } from "./online.js";

export { setHome } from "./element.js";
export { texts } from "./texts.js";
export { AlsoHere, AlsoOnline };

if (typeof customElements !== "undefined") {
  if (!customElements.get("also-here")) customElements.define("also-here", AlsoHere);
  if (!customElements.get("also-online")) customElements.define("also-online", AlsoOnline);
}

declare global {
  interface HTMLElementTagNameMap {
    "also-here": AlsoHere;
    "also-online": AlsoOnline;
  }
}
