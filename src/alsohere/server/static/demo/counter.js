/* The product page's form: what a server would do when it is saved, done in the page, so that one can look. */
import { connect } from "/alsohere.js";

const form = document.querySelector("#change");
const editing = document.querySelector("also-editing");
const saves = document.querySelector("#saves");
const shown = Object.fromEntries([...document.querySelectorAll("[data-shows]")].map((part) => [part.dataset.shows, part]));
const room = connect().room(location.pathname);
let newest = 0;

/* A save counts only if no newer editor has saved: that is all that a fence is for. Whoever saved tells the others on this page by their state. */
function accept({ fence, price, stock, line }, who) {
  if (!(fence >= newest) || ![price, stock, line].every((value) => String(value).length < 100)) return false;
  newest = fence;
  shown.price.textContent = `€${price}`;
  shown.stock.textContent = stock;
  shown.line.textContent = line;
  if (editing.fence === null) for (const [name, value] of Object.entries({ price, stock, line })) form.elements[name].value = value;
  const entry = document.createElement("li");
  entry.textContent = `${who}: €${price}, ${stock} in stock, “${line}” `;
  entry.append(Object.assign(document.createElement("code"), { textContent: `fence ${fence}` }));
  saves.prepend(entry);
  while (saves.children.length > 5) saves.lastElementChild.remove();
  return true;
}

const known = new Map();
room.subscribe(() => {
  for (const { id, name, state } of room.getSnapshot().others) {
    if (state.saved === undefined || known.get(id) === state.saved) continue;
    known.set(id, state.saved);
    accept(state, name);
  }
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const { fence, price, stock, line } = Object.fromEntries(new FormData(form)); // the element has put the fence into the form
  const save = { fence: Number(fence), price, stock, line };
  if (accept(save, "You")) room.update({ ...save, saved: Date.now() });
});

for (const [name, words] of [
  ["held", ({ fence }) => `This page may save, with fence ${fence}.`],
  ["lost", () => "This page may not save any more: its fence is an old one."],
  ["released", () => ""],
]) {
  editing.addEventListener(`also-editing:${name}`, ({ detail }) => (document.querySelector("#fence").textContent = words(detail)));
}
