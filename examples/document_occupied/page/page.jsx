/* Three documents; which one is open stands in the address. */
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { useDocumentOccupied } from "./useDocumentOccupied.js";

const DOCUMENTS = { 1: "Minutes of Monday", 2: "Offer to Harbour Works", 3: "House rules" };
const TEXT = "Write here. What you write stays in this tab: this page is about whose turn it is.";

function Document({ id }) {
  const { messageOccupied, messageReleased } = useDocumentOccupied(id);
  // A release does not take back that it was occupied: what came last counts.
  const isOccupied = Boolean(messageOccupied) && !messageReleased;
  return (
    <>
      <h1>{DOCUMENTS[id]}</h1>
      <p role="status" className={isOccupied ? "occupied" : messageReleased ? "released" : "free"}>
        {isOccupied && "Somebody is already on this document. You are told when it is free."}
        {messageReleased && "It is your turn: whoever was on this document has left."}
        {!messageOccupied && "Nobody else is on this document."}
      </p>
      <textarea aria-label="Text" readOnly={isOccupied} defaultValue={TEXT} />
    </>
  );
}

function App() {
  const [id, setId] = useState(location.hash.slice(1));
  useEffect(() => {
    // The hook joins once, and the protocol knows no leaving: going to another document is another page.
    const go = () => (id ? location.reload() : setId(location.hash.slice(1)));
    addEventListener("hashchange", go);
    return () => removeEventListener("hashchange", go);
  }, [id]);
  return (
    <>
      <nav aria-label="Documents">
        {Object.entries(DOCUMENTS).map(([key, title]) => (
          <a key={key} href={`#${key}`} aria-current={key === id ? "page" : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <main>{id in DOCUMENTS ? <Document id={id} /> : <h1>Choose a document</h1>}</main>
    </>
  );
}

createRoot(document.getElementById("root")).render(<App />);
