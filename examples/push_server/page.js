// What a page does: it logs in again whenever it is connected, and shows what it gets.
const msgSocket = io(location.origin, { reconnectionAttempts: 10 });
const [login, send, list, state] = ["#login", "#send", "#messages", "#state"].map((name) => document.querySelector(name));
const userId = Math.floor(Math.random() * 10000);
let tokenId = new URLSearchParams(location.search).get("token") || "1";
login.elements.token.value = tokenId;

const logIn = () => msgSocket.emit("user_login", { userId, socketId: msgSocket.id, tokenId }, (refused) => {
  state.textContent = refused ? refused.error.message : `Listening as ${tokenId}`;
});

msgSocket.on("connect", logIn);
msgSocket.on("disconnect", () => (state.textContent = "Not connected"));
msgSocket.on("reconnect_failed", () => (state.textContent = "Not connected; reload to try again"));
msgSocket.on("receive_message", ({ entityType, data }) => {
  const item = document.querySelector("template").content.cloneNode(true);
  item.querySelector("b").textContent = entityType || "message";
  item.querySelector("time").textContent = new Date().toLocaleTimeString();
  item.querySelector("pre").textContent = typeof data === "string" ? data : JSON.stringify(data, null, 2);
  list.prepend(item);
});

login.addEventListener("submit", (event) => {
  event.preventDefault();
  location.search = `?token=${encodeURIComponent(login.elements.token.value)}`; // a connection keeps every token that it logged in with
});

send.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { tokens, entityType, text, key } = send.elements;
  const body = { tokens: tokens.value.split(/[\s,]+/), entityType: entityType.value, data: { text: text.value } };
  const headers = { "content-type": "application/json", ...(key.value && { authorization: `Bearer ${key.value}` }) };
  const answer = await fetch("/api", { method: "POST", headers, body: JSON.stringify(body) });
  send.querySelector("output").textContent = (await answer.json()).data;
});
