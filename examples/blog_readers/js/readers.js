/*
 * The page's side of it: one socket.io-client in the namespace /web, everything as an event `message` with a type, and a few
 * requests. The readers' progress goes out a second after the last scroll; who else reads is asked for every half minute, and
 * pushed in between.
 */
const $ = (selector) => document.querySelector(selector);
const article = $("#text");
const room = article && `article-${article.dataset.id}`;
const presences = new Map();
let clockIsBehindMs = 0;

// -- The connection ---------------------------------------------------------------------------------------------------

const KEY = "@shiro/web-session";
const LETTERS = "1234567890abcdefghijklmnopqrstuvwxyz";

function sessionId() {
  const random = () => Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => LETTERS[byte % LETTERS.length]).join("");
  if (!localStorage.getItem(KEY)) localStorage.setItem(KEY, random());
  return localStorage.getItem(KEY);
}

const identity = () => document.body.dataset.identity || sessionId();

const socket = io(location.origin.replace(/\/$/, "") + "/web", {
  timeout: 10000,
  reconnectionDelay: 3000,
  autoConnect: false,
  reconnectionAttempts: 3,
  transports: ["websocket"],
  query: { socket_session_id: sessionId() },
});

let waiting = [];

function emit(type, payload) {
  const send = () => new Promise((done) => socket.emit("message", { type, payload }, done));
  return socket.connected ? send() : new Promise((done) => waiting.push(() => send().then(done)));
}

socket.on("connect", () => {
  delete $("#online").dataset.lost;
  emit("updateSid", { sessionId: identity() });
  if (room) emit("join", { roomName: room }).then(readAlong);
  for (const send of waiting.splice(0)) send();
});
socket.on("disconnect", () => ($("#online").dataset.lost = ""));
socket.on("message", (message) => {
  const { type, data } = typeof message === "string" ? JSON.parse(message) : message;
  handlers[type]?.(data);
});

const handlers = {
  VISITOR_ONLINE: ({ online }) => ($("#online").textContent = `${online} online`),
  VISITOR_OFFLINE: ({ online }) => ($("#online").textContent = `${online} online`),
  ARTICLE_READ_COUNT_UPDATE: ({ id, count }) => article?.dataset.id === id && ($("#reads").textContent = count),
  ACTIVITY_UPDATE_PRESENCE(presence) {
    presences.set(presence.identity, presence);
    draw();
  },
  ACTIVITY_LEAVE_PRESENCE({ identity }) {
    presences.delete(identity);
    draw();
  },
};

// After three attempts the client gives up; somebody who comes back to the page wants to know again.
document.addEventListener("visibilitychange", () => document.hidden || socket.connected || socket.open());

// -- Asking -----------------------------------------------------------------------------------------------------------

const get = (path) => fetch(path).then((response) => response.json());
const post = (path, body) =>
  fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

async function synchronize() {
  const asked = Date.now();
  const { t2, t3 } = await get("/server-time");
  clockIsBehindMs = (t2 + t3 - asked - Date.now()) / 2;
}

const camelCase = (entry) =>
  Object.fromEntries(Object.entries(entry).map(([key, value]) => [key.replace(/_(\w)/g, (_, letter) => letter.toUpperCase()), value]));

async function refresh() {
  const found = await get(`/activity/presence?room_name=${encodeURIComponent(room)}`);
  presences.clear();
  for (const [key, entry] of Object.entries(found)) presences.set(key, camelCase(entry));
  draw();
}

// -- An article -------------------------------------------------------------------------------------------------------

function percent() {
  const { top, height } = article.getBoundingClientRect();
  const way = height - innerHeight;
  return way <= 0 ? 100 : Math.floor(Math.min(Math.max(0, (-top / way) * 100), 100));
}

function goTo(position) {
  const { top, height } = article.getBoundingClientRect();
  window.scrollTo({ top: scrollY + top + ((height - innerHeight) * position) / 100, behavior: "smooth" });
}

let later;

function tellPlace() {
  clearTimeout(later);
  later = setTimeout(() => {
    if (!socket.id) return;
    const displayName = document.body.dataset.name || undefined;
    const ts = Math.round(Date.now() + clockIsBehindMs);
    post("/activity/presence/update", { identity: identity(), position: percent(), ts, sid: socket.id, roomName: room, displayName });
  }, 1000);
}

function readAlong() {
  refresh();
  tellPlace();
}

function since(ms) {
  const minutes = Math.round(ms / 60_000);
  return minutes < 1 ? "just came" : `${minutes} min`;
}

function bar({ identity: reader, displayName, position, operationTime, joinedAt }) {
  const own = reader === identity();
  const place = own ? percent() : position;
  const name = own ? "You" : displayName || `Reader ${reader.slice(0, 2).toUpperCase()}`;
  const found = [...$("#timeline").children].find((element) => element.dataset.reader === reader);
  const element = found ?? document.createElement("button");
  element.dataset.reader = reader;
  element.className = own ? "own" : "";
  element.style.top = `${place}%`;
  element.style.setProperty("--hue", [...reader].reduce((hue, letter) => (hue * 31 + letter.charCodeAt(0)) % 360, 7));
  element.setAttribute("aria-label", `${name}: ${place}%`);
  element.onclick = () => goTo(place);
  const words = element.firstChild ?? element.appendChild(document.createElement("span"));
  words.textContent = `${name} · ${place}% · ${since(operationTime - joinedAt)}`;
  return element;
}

function draw() {
  const readers = [...presences.values()].filter((presence) => presence.roomName === room);
  const bars = readers.map(bar);
  for (const element of [...$("#timeline").children]) if (!bars.includes(element)) element.remove();
  for (const element of bars) if (!element.parentNode) $("#timeline").append(element);
  $("#timeline").hidden = readers.length < 2;
  $("#company").textContent = readers.length < 2 ? "" : `${readers.length} readers here`;
}

if (article) {
  const { id, kind } = article.dataset;
  addEventListener("scroll", () => (tellPlace(), draw()), { passive: true });
  setInterval(refresh, 30_000);
  post("/ack", { type: "read", payload: { type: kind, id } });
  $("#like").onclick = async ({ target }) => {
    await post("/activity/like", { type: kind, id });
    target.disabled = true;
    target.textContent = "You like this";
  };
}

// -- The list of articles ---------------------------------------------------------------------------------------------

async function countReaders() {
  const { room_count: counts } = await get("/activity/rooms");
  for (const place of document.querySelectorAll("[data-room]")) {
    const readers = counts[place.dataset.room];
    place.textContent = readers ? `${readers} reading` : "";
  }
}

if ($("[data-room]")) {
  countReaders();
  setInterval(countReaders, 5000);
}

// -- Signing in: the same connection becomes the user --------------------------------------------------------------------

function showAccount() {
  const { name } = document.body.dataset;
  $("#signed-in b").textContent = name;
  $("#signed-in").hidden = !name;
  $("#signed-out").hidden = Boolean(name);
  $("#signed-out").open = false;
}

async function becomes(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const answer = await fetch(form.action, { method: "POST", headers: { accept: "application/json" }, body: new URLSearchParams(new FormData(form)) });
  if (!answer.ok) return;
  const { id = "", name = "" } = await answer.json();
  presences.delete(identity());
  Object.assign(document.body.dataset, { identity: id, name });
  showAccount();
  await emit("updateSid", { sessionId: identity() });
  if (room) readAlong();
}

for (const form of document.querySelectorAll("#signed-in, #signed-out form")) form.addEventListener("submit", becomes);

showAccount();
synchronize();
socket.open();
