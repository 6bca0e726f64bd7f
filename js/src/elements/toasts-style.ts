/* What <also-toasts> looks like: at the end of the window's lower edge; on a phone, as wide as it is. It takes no place in the page. */
export const TOASTS_CSS = `
:host { display: contents }
svg { inline-size: 1.15rem; block-size: 1.15rem; fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round }
.toasts {
  position: fixed; inset: auto 1rem 1rem auto; inline-size: min(22rem, calc(100vw - 2rem)); max-block-size: none; margin: 0; padding: 0; border: 0;
  overflow: visible; background: none; color: var(--_text); pointer-events: none;
}
.toasts:dir(rtl) { inset: auto auto 1rem 1rem }
.region { display: grid }
.toast {
  display: grid; grid-template-columns: minmax(0, 1fr) auto; margin-block-start: .6rem; border: 1px solid var(--_border); border-radius: .75rem;
  background: var(--_surface); box-shadow: 0 .5rem 1.5rem #0003; font: var(--also-font, 600 .875rem/1.3 system-ui, sans-serif); pointer-events: auto;
  border-inline-start: 4px solid var(--_accent);
}
.toast[data-critical] { border-inline-start-color: var(--also-badge, light-dark(#c0273d, #ff8593)) }
.open {
  display: grid; gap: .15rem; padding: .7rem .25rem .7rem .9rem; margin: 0; border: 0; border-radius: .6rem; background: none; color: inherit; font: inherit;
  text-align: start; text-decoration: none; cursor: pointer;
}
.open span { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; overflow-wrap: anywhere }
.open span:empty { display: none }
.open .body { font-weight: 400 }
.open .who { font-size: .75rem; font-weight: 500; opacity: .78 }
.open:hover .heading { text-decoration: underline; text-underline-offset: .2em }
.tool {
  display: grid; place-items: center; inline-size: 2.5rem; block-size: 2.5rem; padding: 0; margin: .1rem; border: 0; border-radius: 50%; background: none;
  color: inherit; font: inherit; cursor: pointer;
}
.tool:hover { background: color-mix(in srgb, currentColor 7%, transparent) }
.tool:focus-visible, .open:focus-visible { outline: 2px solid var(--_accent); outline-offset: -2px }
@media (max-width: 30rem) {
  .toasts, .toasts:dir(rtl) { inset: auto .5rem .5rem; inline-size: auto; padding-block-end: env(safe-area-inset-bottom) }
}
@media (prefers-reduced-motion: no-preference) {
  .toast { animation: come .22s ease-out }
  @keyframes come { from { opacity: 0; translate: 0 .75rem } }
}
`;
