import { io } from "socket.io-client";

export const socket = io(location.origin); // "http://localhost:9000", where the server runs as the README says
