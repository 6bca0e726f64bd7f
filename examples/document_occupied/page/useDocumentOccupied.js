/* The hook of the article, as it describes it: it joins once, and keeps what it was told. */
import { useEffect, useState } from "react";
import { socket } from "./socket.js";

export function useDocumentOccupied(id) {
  const [roomJoined, setRoomJoined] = useState(false);
  const [messageOccupied, setMessageOccupied] = useState("");
  const [messageReleased, setMessageReleased] = useState("");

  useEffect(() => {
    if (!roomJoined) {
      socket.emit("join_document_room", `document-${id}`);
      setRoomJoined(true);
    }
  }, [id, roomJoined]);

  useEffect(() => {
    socket.on("is_occupied", setMessageOccupied);
    socket.on("is_released", setMessageReleased);
    return () => {
      socket.off("is_occupied", setMessageOccupied);
      socket.off("is_released", setMessageReleased);
    };
  }, []);

  return { messageOccupied, messageReleased };
}
