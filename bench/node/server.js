// The Node peer: socket.io's own server at the settings its documentation recommends for speed and memory.
// Usage: node server.js <port> <event data as JSON>
import { createServer } from "node:http";
import { Server } from "socket.io";

const [port, eventData] = process.argv.slice(2);
const tick = JSON.parse(eventData);
const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
  pingInterval: 120_000, // as for all servers here: no heartbeat falls into a measurement
});

// "Discarding the initial HTTP request": socket.io's page on memory usage.
io.engine.on("connection", (socket) => {
  socket.request = null;
});

io.on("connection", (socket) => {
  socket.on("join", ({ room }, ack) => {
    socket.join(room);
    ack({ ok: true });
  });
  socket.on("burst", () => io.to("r").emit("tick", tick));
  // Presence as people write it: tell the room about each one who comes and goes.
  socket.on("enter", ({ room, state }) => io.to(room).emit("joined", { id: socket.id, name: "Amber Fox", state }));
  socket.on("leave", ({ room }) => io.to(room).emit("left", { id: socket.id }));
});

http.listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 });
