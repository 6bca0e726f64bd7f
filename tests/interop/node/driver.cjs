// A socket.io-client of the version named on the command line, driven through lines of JSON.
//
//   stdin   {"do": "open", "socket", "url", "options"} · {"do": "emit", "socket", "args", "ack"?} · {"do": "close" | "drop", "socket"}
//           {"do": "fetch", "socket", "url", "options", "ask"}
//   stdout  {"socket", "what": "connect" | "upgrade" | "event" | "ack" | "disconnect" | "connect_error" | "error" | "answer", …}
//
// Bytes are {"$bytes": "<hex>"} in both directions. It decides nothing: the tests do.

const library = require(process.argv[2]);
const io = library.io ?? library; // clients 1 and 2 are a function
const sockets = new Map();

const say = (socket, what, more = {}) => process.stdout.write(`${JSON.stringify({ socket, what, ...pack(more) })}\n`);

function pack(value) {
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("hex") };
  if (value instanceof ArrayBuffer) return pack(new Uint8Array(value));
  if (Array.isArray(value)) return value.map(pack);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, pack(v)]));
  return value;
}

function unpack(value) {
  if (Array.isArray(value)) return value.map(unpack);
  if (value && typeof value === "object") {
    if (typeof value.$bytes === "string") return Buffer.from(value.$bytes, "hex");
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, unpack(v)]));
  }
  return value;
}

function onAny(socket, listener) {
  if (socket.onAny) return socket.onAny(listener);
  socket.onevent = ({ id, data }) => listener(...data, ...(id == null ? [] : [socket.ack(id)]));
}

function open(name, url, options) {
  const socket = io(url, { forceNew: true, ...options });
  sockets.set(name, socket);
  // The upgrade may be through before the namespace is connected.
  socket.io.on("open", () => socket.io.engine.once("upgrade", () => say(name, "upgrade")));
  socket.on("connect", () => say(name, "connect", { sid: socket.id }));
  socket.on("disconnect", (reason) => say(name, "disconnect", { reason }));
  socket.on("connect_error", (error) => say(name, "connect_error", { message: error.message, data: error.data ?? null }));
  socket.on("error", (error) => say(name, "error", { message: error.message ?? error })); // of clients 1 and 2: also a refusal
  onAny(socket, (...args) => {
    const answer = typeof args.at(-1) === "function" ? args.pop() : null;
    say(name, "event", { args });
    answer?.(...args.slice(1));
  });
}

function emit(name, args, ack) {
  const callback = ack === undefined ? [] : [(...answer) => say(name, "ack", { ack, args: answer })];
  sockets.get(name).emit(...unpack(args), ...callback);
}

async function request(name, url, options, ask) {
  const response = await fetch(url, options);
  say(name, "answer", { ask, status: response.status, body: await response.text() });
}

const actions = {
  open: ({ socket, url, options }) => open(socket, url, options),
  emit: ({ socket, args, ack }) => emit(socket, args, ack),
  fetch: ({ socket, url, options, ask }) => request(socket, url, options, ask),
  close: ({ socket }) => sockets.get(socket).disconnect(),
  drop: ({ socket }) => sockets.get(socket).io.engine.transport.ws.terminate(), // as when a tab is closed: not a word
};

require("node:readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    const order = JSON.parse(line);
    actions[order.do](order);
  })
  .on("close", () => process.exit(0));
