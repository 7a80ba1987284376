/* The page's own socket: frames from the playground, reconnecting with patience. */

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;

/**
 * Keep a socket open for the person `as`.
 * `onFrame(frame)` gets each frame; `onState("connecting" | "live" | "lost")` each change;
 * `onOpen()` runs after every opening, before its first frame.
 * Returns `close()`, after which nothing is called any more.
 */
export function openLive({ as, onFrame, onState, onOpen }) {
  let socket = null;
  let timer = null;
  let wait = FIRST_WAIT_MS;
  let closed = false;

  const connect = () => {
    clearTimeout(timer);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(
      `${scheme}//${location.host}/playground/live?as=${encodeURIComponent(as)}`,
    );
    socket.onopen = () => {
      wait = FIRST_WAIT_MS;
      onOpen();
      onState("live");
    };
    socket.onmessage = (event) => onFrame(JSON.parse(event.data));
    socket.onclose = () => {
      if (closed) return;
      onState("lost");
      timer = setTimeout(connect, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    };
  };
  const hurry = () => {
    if (!closed && socket.readyState === WebSocket.CLOSED) connect();
  };

  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", hurry);
  onState("connecting");
  connect();
  return () => {
    closed = true;
    clearTimeout(timer);
    removeEventListener("online", hurry);
    document.removeEventListener("visibilitychange", hurry);
    socket.close();
  };
}
