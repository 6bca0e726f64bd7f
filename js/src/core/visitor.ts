/*
 * Who an anonymous visitor is: a random id that the browser keeps, so that ten tabs are one person and a reload is not a newcomer.
 * Others never see it; the server derives the public id from it with its secret.
 */
const KEY = "alsohere.visitor";
const VALID = /^[A-Za-z0-9_-]{8,64}$/;
let remembered = "";

/** The id of this browser; of this page only, where storage is blocked. */
export function visitorId(): string {
  try {
    const stored = localStorage.getItem(KEY) ?? "";
    if (VALID.test(stored)) return stored;
    localStorage.setItem(KEY, (remembered ||= random()));
    return localStorage.getItem(KEY) ?? remembered;
  } catch {
    return (remembered ||= random());
  }
}

/** 128 bits. getRandomValues also works where the page is not served over TLS, randomUUID does not. */
function random(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
