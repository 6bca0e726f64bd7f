/* What <also-inbox> looks like. A panel of one size, so that nothing moves while it fills; on a phone, a sheet from below. */
export const INBOX_CSS = `
:host { position: relative }
svg { inline-size: 1.35em; block-size: 1.35em; fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round }
.bell {
  position: relative; display: grid; place-items: center; inline-size: var(--_size); block-size: var(--_size); padding: 0; margin: 0;
  border: 1px solid transparent; border-radius: 50%; background: none; color: inherit; font: inherit; cursor: pointer;
}
.bell:hover, .tool:hover, .letters li:has(.entry:hover) { background: color-mix(in srgb, currentColor 7%, transparent) }
.bell[data-stale] svg { opacity: .45 }
.badge {
  position: absolute; inset-block-start: -.15rem; inset-inline-start: 52%; box-sizing: border-box; min-inline-size: 1.15rem; padding: 0 .3em;
  border-radius: 1rem; background: var(--_badge); color: var(--_on-badge); box-shadow: 0 0 0 2px var(--_ring);
  font: 700 .6875rem/1.15rem system-ui, sans-serif; font-variant-numeric: tabular-nums; text-align: center; pointer-events: none;
}
.badge:empty { display: none }
:host { --_badge: var(--also-badge, light-dark(#c0273d, #ff8593)); --_on-badge: var(--also-on-badge, light-dark(#fff, #2b0a0f)) }
.panel { inline-size: min(25rem, calc(100vw - 1rem)); block-size: min(34rem, calc(100dvh - 5rem)); max-block-size: none; padding: 0; overflow: hidden }
.panel:popover-open { display: flex; flex-direction: column }
.head { display: flex; align-items: center; gap: .25rem; padding: .6rem .5rem .2rem 1rem }
.head:has(> :first-child:not([hidden])) { padding-inline-start: .4rem }
.head .title { flex: 1; margin: 0; font-size: 1.0625rem; font-weight: 650; opacity: 1 }
.tool {
  display: grid; place-items: center; flex: none; inline-size: 2.25rem; block-size: 2.25rem; padding: 0; margin: 0; border: 0; border-radius: 50%;
  background: none; color: inherit; font: inherit; cursor: pointer;
}
.all { padding: .3em .75em; font-size: .8125rem; opacity: 1 }
.all[disabled] { opacity: .45; cursor: default; background: none }
.tool[disabled] { opacity: .35; cursor: default; background: none }
.tool svg { inline-size: 1.15rem; block-size: 1.15rem }
.bell:focus-visible, .tool:focus-visible, .entry:focus-visible, .settings:focus-visible, .category:focus-visible, .switch button:focus-visible, .choice:focus-visible, input:focus-visible {
  outline: 2px solid var(--_accent); outline-offset: -2px;
}
.bell:focus-visible { outline-offset: 1px }
.filter { display: flex; align-items: center; justify-content: space-between; gap: .5rem; padding: .25rem 1rem .6rem; border-block-end: 1px solid var(--_border) }
.switch { display: flex; flex: none; border: 1px solid var(--_border); border-radius: 2rem; overflow: hidden }
.switch button { padding: .4em .8em; margin: 0; border: 0; border-radius: 2rem; background: none; color: inherit; font: 600 .8125rem/1.3 system-ui, sans-serif; cursor: pointer }
.switch [aria-pressed=true] { background: color-mix(in srgb, var(--_accent) 16%, transparent); box-shadow: inset 0 0 0 1px var(--_accent) }
.category {
  min-inline-size: 0; max-inline-size: 11rem; padding: .4em .5em; margin: 0; border: 1px solid var(--_border); border-radius: .5rem;
  background: var(--_surface); color: inherit; font: 500 .8125rem/1.3 system-ui, sans-serif;
}
.state { margin: 0; padding: .5rem 1rem; background: color-mix(in srgb, currentColor 7%, transparent); font-weight: 500; font-size: .8125rem; overflow-wrap: anywhere }
.state { display: flex; align-items: center; justify-content: space-between; gap: .75rem; border-block-start: 1px solid var(--_border) }
.state:empty { padding: 0; border: 0 }
.undo { padding-block: .3em; flex: none }
.scroll, .settings { flex: 1; min-block-size: 0; overflow: auto; overscroll-behavior: contain; scrollbar-width: thin }
.empty { margin: 0; padding: 3rem 1rem; text-align: center; font-weight: 500; opacity: .75 }
.letters li { position: relative; display: grid; grid-template-columns: minmax(0, 1fr) auto; border-block-end: 1px solid var(--_border) }
.letters li[data-inside] { padding-inline-start: 1rem; background: color-mix(in srgb, currentColor 3%, transparent) }
.entry {
  display: grid; gap: .15rem; align-content: start; padding: .7rem .25rem .7rem 1.75rem; margin: 0; border: 0; background: none; color: inherit; font: inherit;
  font-weight: 500; text-align: start; text-decoration: none; cursor: pointer; position: relative;
}
.entry:dir(rtl) { padding: .7rem 1.75rem .7rem .25rem }
.entry > span:not(.said) { display: block; overflow-wrap: anywhere; min-inline-size: 0 }
.heading { line-height: 1.35 }
[data-unread] .heading { font-weight: 700 }
[data-unread] .entry::before {
  content: ""; position: absolute; inset-block-start: 1.1rem; inset-inline-start: .75rem; inline-size: .5rem; block-size: .5rem; border-radius: 50%;
  background: var(--_accent);
}
[data-digest] .entry::before { border-radius: 2px }
.body { font-weight: 400; line-height: 1.4; white-space: pre-line }
.body:empty { display: none !important }
.heading, .body { display: -webkit-box !important; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden }
[aria-expanded=true] > :is(.heading, .body) { -webkit-line-clamp: none }
.meta { font-size: .75rem; font-weight: 500; opacity: .78 }
.time::before { content: " · " }
.tools { display: flex; align-items: flex-start; padding: .35rem .35rem 0 0 }
.tools .tool { opacity: .7; inline-size: 2rem; block-size: 2rem }
[data-does=more] svg { stroke-width: 3 }
[data-does=left]:dir(rtl) { scale: -1 1 }
.letters li:is(:hover, :focus-within) .tool { opacity: 1 }
.rest { display: block; margin: .75rem auto; opacity: 1 }
.menu {
  position: fixed; inset: auto; margin: 0; padding: .3rem; box-sizing: border-box; inline-size: max-content; max-inline-size: min(20rem, calc(100vw - 1rem));
  border: 1px solid var(--_border); border-radius: .6rem; background: var(--_surface); color: var(--_text); box-shadow: 0 .5rem 1.5rem #0003;
}
.choice {
  display: block; inline-size: 100%; padding: .55em .75em; margin: 0;
  border: 0; border-radius: .4rem; background: none; color: inherit; font: 500 .875rem/1.35 system-ui, sans-serif; text-align: start; cursor: pointer;
}
.choice .name { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden }
.choice:is(:hover, :focus) { background: color-mix(in srgb, currentColor 7%, transparent) }
.choice[aria-disabled=true] { opacity: .5; background: none; cursor: default }
.settings { padding: .5rem 1rem 1rem; font-weight: 500 }
.section { min-inline-size: 0; padding: 0; margin: 1.25rem 0 0; border: 0 }
.section .title { padding: 0; margin: 0 0 .25rem; font-size: .875rem; font-weight: 650; opacity: 1 }
.section[disabled] > :not(legend) { opacity: .6 }
.hint { margin: .35rem 0; font-size: .8125rem; line-height: 1.4; opacity: .8; overflow-wrap: anywhere }
.wish { display: flex; align-items: center; justify-content: space-between; gap: 1rem; min-block-size: 2.5rem }
.wishes li + li { border-block-start: 1px solid var(--_border) }
label.wish { cursor: pointer }
.wish .button { flex: none; padding-block: .35em; font-size: .8125rem }
.tick { flex: none; inline-size: 1.2rem; block-size: 1.2rem; margin: 0 .25rem; accent-color: var(--_accent); cursor: inherit }
.hours { display: flex; flex-wrap: wrap; gap: .75rem }
.hour { display: flex; align-items: center; gap: .5rem }
.time-of-day { padding: .35em .5em; border: 1px solid color-mix(in srgb, currentColor 55%, transparent); border-radius: .5rem; background: none; color: inherit; font: inherit; font-variant-numeric: tabular-nums }
@media (max-width: 30rem) {
  .choice, .wish, .wish .button, .undo { min-block-size: 2.75rem }
  .tools [data-does$=read] { display: none }
  .panel {
    inset: auto 0 0 !important; inline-size: 100%; max-inline-size: none; block-size: 85dvh; border-radius: 1rem 1rem 0 0; border-inline: 0; border-block-end: 0;
    padding-block-end: env(safe-area-inset-bottom);
  }
  .tool, .tools .tool { inline-size: 2.75rem; block-size: 2.75rem }
  .tools { padding-block-start: .15rem }
  .panel::backdrop { background: #0006 }
  @media (prefers-reduced-motion: no-preference) {
    .panel:popover-open { animation: rise .22s ease-out }
    @keyframes rise { from { translate: 0 2rem; opacity: 0 } }
  }
}
@media (prefers-reduced-motion: no-preference) {
  .badge[data-new] { animation: bump .3s ease-out }
  @keyframes bump { from { scale: .5 } 60% { scale: 1.15 } }
}
`;
