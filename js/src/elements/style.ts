/*
 * What the elements look like in common, and how sheets get to their shadow roots: adopted, so that a strict Content-Security-Policy does not mind.
 * What a page may set: --also-size, --also-font, --also-radius, --also-overlap, --also-ring, --also-accent, --also-surface, --also-text, --also-border;
 * beyond that, ::part(face), ::part(self), ::part(more), ::part(button), ::part(panel), ::part(tip), and the parts of each element's own sheet.
 */
const CSS = `
:host {
  --_size: var(--also-size, 2.25rem);
  --_overlap: var(--also-overlap, calc(var(--_size) * .1));
  --_ring: var(--also-ring, Canvas);
  --_accent: var(--also-accent, light-dark(#0b7a53, #4cc38a));
  --_surface: var(--also-surface, light-dark(#fff, #24262b));
  --_text: var(--also-text, light-dark(#1c1d20, #ededf0));
  --_border: var(--also-border, light-dark(#00000024, #ffffff2e));
  display: inline-flex;
  max-inline-size: 100%;
  vertical-align: middle;
  font: var(--also-font, 600 .875rem/1.3 system-ui, sans-serif);
}
:host([hidden]), [hidden] { display: none !important }
ul, ol { list-style: none; margin: 0; padding: 0 }
.row { min-block-size: var(--_size); padding-inline-end: var(--_overlap); transition: opacity .3s }
.row[data-stale] { opacity: .45 }
.faces { display: flex; flex-wrap: wrap; row-gap: 4px }
.faces li { position: relative; margin-inline-end: calc(-1 * var(--_overlap)) }
.faces li:has([data-self]) { z-index: 1 }
.faces li:hover, .faces li:focus-within { z-index: 2 }
.face, .more {
  --_chroma: .09;
  box-sizing: border-box;
  display: grid;
  place-items: center;
  inline-size: var(--_size);
  block-size: var(--_size);
  border: 1px solid transparent;
  border-radius: var(--also-radius, 50%);
  box-shadow: 0 0 0 2px var(--_ring);
  background: oklch(.88 var(--_chroma) var(--_hue));
  background: light-dark(oklch(.88 var(--_chroma) var(--_hue)), oklch(.43 var(--_chroma) var(--_hue)));
  color: oklch(.32 var(--_chroma) var(--_hue));
  color: light-dark(oklch(.32 var(--_chroma) var(--_hue)), oklch(.96 .02 var(--_hue)));
  font-size: calc(var(--_size) * .35);
  line-height: 1;
  cursor: default;
  user-select: none;
  transition: background-color .4s, color .4s;
}
.face[data-status=idle] { --_chroma: .025 }
.face[data-status=away] { --_chroma: 0; border: 1px dashed currentColor }
.face[data-self] { border: 2px solid var(--_accent) }
.face:focus-visible, .more:focus-visible, .button:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px }
.small { --_size: 1.75rem; box-shadow: none; flex: none }
.more {
  --_hue: 0; --_chroma: 0;
  inline-size: auto; min-inline-size: var(--_size); padding: 0 .6em; margin-block: 0;
  border-radius: calc(var(--_size) / 2);
  font-family: inherit; font-weight: inherit; cursor: pointer;
}
.button {
  display: inline-flex; align-items: center; gap: .5em; padding: .45em .8em; margin: 0;
  border: 1px solid var(--_border); border-radius: 2em;
  background: none; color: inherit; font: inherit; cursor: pointer;
  font-variant-numeric: tabular-nums; white-space: nowrap;
}
.button:hover { background: color-mix(in srgb, currentColor 7%, transparent) }
.dot { inline-size: .55em; block-size: .55em; border-radius: 50%; background: var(--_accent) }
.button[data-stale] .dot { background: none; border: 1px solid currentColor }
.tip, .panel {
  position: fixed; inset: auto; margin: 0; box-sizing: border-box;
  border: 1px solid var(--_border); background: var(--_surface); color: var(--_text);
  font: var(--also-font, 600 .875rem/1.3 system-ui, sans-serif);
  box-shadow: 0 .5rem 1.5rem #0003;
}
.tip {
  padding: .35rem .6rem; border-radius: .4rem; pointer-events: none;
  max-inline-size: min(18rem, 90vw); overflow-wrap: anywhere;
}
.panel {
  inline-size: min(17rem, calc(100vw - 1rem)); max-block-size: min(24rem, 70vh); overflow: auto; overscroll-behavior: contain;
  padding: .85rem 1rem; border-radius: .75rem;
}
.panel:focus { outline: none }
.panel:focus-visible { outline: 2px solid var(--_accent) }
.title { margin-block-end: .6rem; font-size: .8125rem; opacity: .75 }
.people li { display: flex; align-items: center; gap: .65rem; padding-block: .25rem }
.name { overflow-wrap: anywhere; font-weight: 500 }
.rest { margin: .5rem 0 0; font-weight: 500; opacity: .75 }
.rest:empty { display: none }
.said { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
@media (prefers-reduced-motion: no-preference) {
  .faces li { animation: arrive .3s ease-out }
  .panel:popover-open { animation: open .14s ease-out }
  @keyframes arrive { from { opacity: 0; scale: .4 } }
  @keyframes open { from { opacity: 0; translate: 0 -.25rem } }
}
@media (prefers-reduced-motion: reduce) { .row, .face, .more { transition: none } }
`;

const sheets = new Map<string, CSSStyleSheet>();

/** Give a shadow root the common sheet, and one of its own. */
export function adopt(root: ShadowRoot, own = CSS): void {
  let sheet = sheets.get(own);
  if (!sheet) {
    (sheet = new CSSStyleSheet()).replaceSync(own.replace(/\n\s*/g, "\n"));
    sheets.set(own, sheet);
  }
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
}
