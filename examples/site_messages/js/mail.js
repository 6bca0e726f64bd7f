// The page: it keeps messages by their ids, so that none is shown twice however often it comes.
const NAMES = {
  message: "Mail",
  announcement: "Announcements",
  reminder: "Reminders",
  subscription: "Subscriptions",
  publication: "Publications",
  system: "System",
};
const $ = (selector) => document.querySelector(selector);
const login = document.body.dataset.login;
const messages = new Map(); // by id
const sent = new Map(); // by id: what became of it
let current = "message";
let me = { login, name: login, staff: false };

const socket = io({ withCredentials: true });
const say = (event, data) => new Promise((done) => socket.emit(event, data, (answer) => done(answer ?? { ok: true })));

// -- What comes -------------------------------------------------------------------------------------------------------

socket.on("connect", () => socket.emit("user_login", { userId: login, socketId: socket.id }));
socket.on("disconnect", () => ($("#state").textContent = "Not connected"));
socket.on("connect_error", ({ message }) => {
  $("#state").textContent = message;
  if (message === "Authentication error") location.assign("/login");
});
socket.on("push_message", ({ user, unread, read, groups, resources }) => {
  me = user;
  $("#state").textContent = "";
  for (const list of [read, unread]) for (const items of Object.values(list)) for (const item of items) messages.set(item.id, item);
  if (!messages.size || !count(current)) current = Object.keys(NAMES).find(count) ?? current;
  show();
  showOptions(groups, resources);
});
for (const category of Object.keys(NAMES)) {
  socket.on(category === "message" ? "todo_message" : `${category}_message`, (message, acknowledge) => {
    if (!messages.has(message.id)) messages.set(message.id, message);
    show();
    acknowledge?.();
  });
}
socket.on("read_message", ({ ids }) => noteRead(ids));
socket.on("receipt_message", ({ id, receiver, state }) => {
  const states = sent.get(id)?.states;
  if (states && states.get(receiver) !== "read") states.set(receiver, state);
  showSent();
});

// -- What is shown ----------------------------------------------------------------------------------------------------

const isUnread = (message) => !message.read_at;
const of = (category) => [...messages.values()].filter((message) => message.category === category);
const count = (category) => of(category).filter(isUnread).length;

function noteRead(ids) {
  for (const id of ids) if (messages.has(id)) messages.get(id).read_at ??= Date.now();
  show();
}

function read(ids) {
  if (!ids.length) return;
  noteRead(ids); // at once; if the server was not told, it is unread again with the next page
  for (let at = 0; at < ids.length; at += 500) say("read", { ids: ids.slice(at, at + 500) });
}

function show() {
  $("#categories").replaceChildren(...Object.keys(NAMES).map(tab));
  const items = of(current).sort((one, other) => other.id - one.id);
  $("#heading").textContent = NAMES[current];
  $("#all-read").hidden = !count(current);
  $("#none").hidden = items.length > 0;
  $("#list").replaceChildren(...items.map(item));
  const unread = Object.keys(NAMES).reduce((sum, category) => sum + count(category), 0);
  document.title = unread ? `(${unread}) Messages` : "Messages";
}

function tab(category) {
  const button = document.createElement("button");
  const badge = Object.assign(document.createElement("span"), { className: "badge", textContent: count(category) || "" });
  if (badge.textContent) badge.setAttribute("aria-label", `${badge.textContent} unread`);
  button.append(NAMES[category], badge);
  if (category === current) button.setAttribute("aria-current", "true");
  button.addEventListener("click", () => ((current = category), show()));
  return button;
}

function item(message) {
  const line = $("#message").content.cloneNode(true).firstElementChild;
  const from = message.sender ? `${message.sender.name} (${message.sender.login})` : "The site";
  line.querySelector("b").textContent = message.title || message.resource || "No title";
  line.querySelector("time").textContent = new Date(message.created_at).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
  line.querySelector(".from").textContent = message.group ? `${from} to ${message.group}` : from;
  line.querySelector(".text").textContent = typeof message.body === "string" ? message.body : "";
  if (isUnread(message)) {
    line.className = "unread";
    line.tabIndex = 0;
    line.setAttribute("aria-label", `Unread: ${line.querySelector("b").textContent}`);
    line.addEventListener("click", () => read([message.id]));
    line.addEventListener("keydown", ({ key }) => key === "Enter" && read([message.id]));
  }
  return line;
}

$("#all-read").addEventListener("click", () => read(of(current).filter(isUnread).map(({ id }) => id)));

// -- Writing ----------------------------------------------------------------------------------------------------------

function showSent() {
  $("#sent").replaceChildren(
    ...[...sent.values()].map(({ to, title, states }) => {
      const said = [...states].map(([receiver, state]) => `${state} by ${receiver}`);
      return Object.assign(document.createElement("li"), { textContent: `${title} → ${to}: ${said.join(", ") || "stored"}` });
    }),
  );
}

$("#compose").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const { category, to, title, body } = form.elements;
  const name = to.value.trim();
  const where = name === "everyone" ? { everyone: true } : groups.has(name) ? { group: name } : { receiver_id: name };
  const message = { ...where, title: title.value, body: body.value, key: crypto.randomUUID?.() ?? String(Math.random()) };
  const asSite = me.staff && category.value;
  const answer = await say(asSite ? "send" : "todo", asSite ? { ...message, category: category.value } : message);
  form.querySelector("output").textContent = answer.ok ? "Sent" : answer.error.message;
  if (!answer.ok) return;
  if (!sent.has(answer.id)) sent.set(answer.id, { to: name, title: title.value || "Untitled", states: new Map() });
  showSent();
  title.value = body.value = "";
});

// -- Groups and the library -------------------------------------------------------------------------------------------

const groups = new Set();

function showOptions(allGroups, resources) {
  allGroups.forEach(({ id }) => groups.add(id));
  const addresses = [...groups, ...(me.staff ? ["everyone"] : [])];
  $("#addresses").replaceChildren(...addresses.map((value) => Object.assign(document.createElement("option"), { value })));
  $("#groups ul").replaceChildren(...allGroups.map((group) => option("group", group)));
  $("#resources ul").replaceChildren(...resources.map((resource) => option("resource", resource)));
  const category = $("[name=category]");
  category.closest("label").hidden = !me.staff;
  if (me.staff && !category.options.length) {
    const asMail = new Option("Mail from me", "");
    category.append(asMail, ...Object.keys(NAMES).map((name) => new Option(`The site: ${NAMES[name]}`, name)));
  }
}

function option(what, { id, name, mine }) {
  const line = $("#option").content.cloneNode(true).firstElementChild;
  const box = line.querySelector("input");
  line.querySelector("span").textContent = name;
  box.checked = mine;
  box.addEventListener("change", () => say(box.checked ? "join" : "leave", { [what]: id }));
  if (what === "resource") {
    const publish = Object.assign(document.createElement("button"), { className: "plain", textContent: "Publish" });
    publish.setAttribute("aria-label", `Publish in ${name}`);
    publish.addEventListener("click", () => {
      const title = prompt(`What is new in “${name}”?`);
      if (title?.trim()) say("publish", { resource: id, title });
    });
    line.append(publish);
  }
  return line;
}

show();
