/* What <also-editing> looks like. Beside the common properties: --also-warning, and --also-on-accent for the words on a full button. */
export const EDITING = `
:host { display: block; font: var(--also-font, 500 .9375rem/1.4 system-ui, sans-serif) }
.notice {
  --_tone: var(--_border);
  box-sizing: border-box; display: flex; flex-wrap: wrap; align-items: center; gap: .5rem .75rem; min-block-size: 3.5rem; padding: .5rem .75rem;
  border: 1px solid var(--_tone); border-radius: .75rem; background: var(--_surface); color: var(--_text); transition: border-color .4s, background-color .4s;
}
.notice[data-tone=mine] { --_tone: var(--_accent); background: color-mix(in srgb, var(--_accent) 9%, var(--_surface)) }
.notice[data-tone=alert] { --_tone: var(--_warning); background: color-mix(in srgb, var(--_warning) 10%, var(--_surface)) }
.notice:focus { outline: none }
.notice:focus-visible, .dialog:focus-visible, .action:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px }
.notice, .dialog { --_warning: var(--also-warning, light-dark(#9a5b00, #e5a84b)) }
.notice .face { --_size: 2rem; flex: none }
.words { flex: 1 1 12rem; min-inline-size: 0; overflow-wrap: anywhere }
.words p { margin: 0 }
.text { font-weight: 600 }
.detail { font-size: .8125rem; font-variant-numeric: tabular-nums; opacity: .8 }
.detail:empty { display: none }
.notice[data-status=waiting] .detail { animation: late 0s .8s backwards }
@keyframes late { from { visibility: hidden } }
.actions { display: flex; flex-wrap: wrap; gap: .5rem; margin-inline-start: auto }
.action {
  min-block-size: 2.5rem; margin: 0; padding: .3rem .9rem; border: 1px solid var(--_border); border-radius: .5rem;
  background: none; color: inherit; font: inherit; font-weight: 600; cursor: pointer;
}
.action:hover { background: color-mix(in srgb, currentColor 8%, transparent) }
.action[data-main] { border-color: transparent; background: var(--_accent); color: var(--also-on-accent, light-dark(#fff, #10201a)) }
.action[data-main]:hover { background: color-mix(in srgb, var(--_accent) 85%, var(--_text)) }
.dialog {
  box-sizing: border-box; inline-size: min(27rem, calc(100vw - 2rem)); padding: 1.35rem 1.5rem 1.5rem;
  border: 1px solid var(--_border); border-radius: 1rem; background: var(--_surface); color: var(--_text);
  font: var(--also-font, 500 .9375rem/1.4 system-ui, sans-serif); box-shadow: 0 1rem 3rem #0005;
}
.dialog:focus { outline: none }
.dialog::backdrop { background: #0006 }
.dialog .title { margin: 0 0 .5rem; font-size: 1.125rem; line-height: 1.3; opacity: 1; overflow-wrap: anywhere }
.dialog .text { margin: 0 0 1rem; font-weight: 400; overflow-wrap: anywhere }
.dialog .actions { justify-content: end }
.dialog .action { flex: 1 1 auto }
.left { margin: 0 0 1.1rem; font-size: 1.5rem; font-weight: 600; line-height: 1; font-variant-numeric: tabular-nums }
.bar { display: block; block-size: 3px; margin-block-start: .6rem; border-radius: 2px; background: var(--_accent); transform-origin: left }
@media (prefers-reduced-motion: no-preference) {
  .bar { animation: shrink linear both }
  .dialog[open] { animation: rise .18s ease-out }
  @keyframes shrink { to { scale: 0 1 } }
  @keyframes rise { from { opacity: 0; translate: 0 .5rem } }
}
@media (prefers-reduced-motion: reduce) { .notice { transition: none } }
@media print { :host { display: none } }
`;
