/* The start page's form: a note from one visitor to another, and what becomes of it. */
import { connect } from "/alsohere.js";

const form = document.querySelector("#note");
const left = document.querySelector("#left");
const here = connect();
const online = here.online();
const inbox = here.inbox();
const receivers = new Map();
let chosen = null;
form.elements.to.addEventListener("change", ({ target }) => (chosen = target.value));

/* Who is here; whoever has been chosen stays in the list when they go: they get it later. */
online.subscribe(() => {
  const { members } = online.getSnapshot();
  const names = new Map(members.map(({ id, name }) => [id, id === here.getSnapshot().selfId ? `${name} (you)` : name]));
  for (const option of [...form.elements.to.options]) {
    if (names.has(option.value)) option.textContent = names.get(option.value);
    else if (option.value !== chosen) option.remove();
    names.delete(option.value);
  }
  for (const [id, name] of names) form.elements.to.add(new Option(name, id));
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { to, body } = Object.fromEntries(new FormData(form));
  const name = form.elements.to.selectedOptions[0].textContent;
  try {
    const { id } = await inbox.send({ to, title: "A note for you", body });
    receivers.set(id, name);
    left.textContent = `${name}: it is in the inbox.`;
  } catch (error) {
    left.textContent = error.message;
  }
});

inbox.on("receipt", ({ id, read_at }) => {
  if (receivers.has(id)) left.textContent = `${receivers.get(id)}: ${read_at ? "it has been read." : "it has arrived."}`;
});
