/* Applies live frames to the state. A frame may arrive twice, or after its content was loaded. */

import { inner, isReply, state, threadKey, touch } from "/page/js/store.js";

const MOST_ENTRIES = 1000;
const recordings = new Set();

/** Apply one frame; unknown kinds are passed over, so an older page survives a newer server. */
export function applyFrame(frame) {
  for (const recording of recordings) recording.push(frame);
  HANDLERS[frame.type]?.(frame);
}

/**
 * Load history while frames keep arriving: `load()` fetches, `put(answer)` stores it, and frames
 * that came in between are applied once more on top, because the answer may be older than they are.
 */
export async function loadUnderFrames(load, put) {
  const recording = [];
  recordings.add(recording);
  try {
    put(await load());
  } finally {
    recordings.delete(recording);
  }
  for (const frame of recording) if (REPLAYED.has(frame.type)) HANDLERS[frame.type](frame);
}

const REPLAYED = new Set([
  "message",
  "message_changed",
  "message_deleted",
  "ephemeral",
  "ephemeral_changed",
  "ephemeral_deleted",
]);

const HANDLERS = {
  message({ channel, message }) {
    const known = inner(state.messages, channel).has(message.ts);
    inner(state.messages, channel).set(message.ts, message);
    if (!known) countUnread(channel, message);
    touch("messages");
  },
  message_changed({ channel, message }) {
    inner(state.messages, channel).set(message.ts, message);
    touch("messages");
  },
  message_deleted({ channel, ts }) {
    inner(state.messages, channel).delete(ts);
    touch("messages");
  },
  ephemeral({ channel, message }) {
    inner(state.ephemerals, channel).set(message.ts, { ...message, is_ephemeral: true });
    touch("messages");
  },
  ephemeral_changed(frame) {
    HANDLERS.ephemeral(frame);
  },
  ephemeral_deleted({ channel, ts }) {
    inner(state.ephemerals, channel).delete(ts);
    touch("messages");
  },
  channel({ channel }) {
    const known = state.channels.get(channel.id);
    state.channels.set(channel.id, { ...channel, unread: known?.unread ?? channel.unread ?? 0 });
    touch("workspace", "messages");
  },
  status({ channel, thread_ts, user, username, icon, status }) {
    const authors = inner(state.statuses, threadKey(channel, thread_ts));
    const author = username || user;
    if (status) authors.set(author, { user, username, icon, status });
    else clearStatus(authors, { user, username });
    touch("status");
  },
  session({ channel, thread_ts, status, title }) {
    state.sessions.set(threadKey(channel, thread_ts), { status, title });
    touch("status");
  },
  view({ op, view }) {
    if (op === "close") closeView(view?.id);
    else if (op === "open") state.views = [view];
    else putView(view);
    touch("views");
  },
  home({ view }) {
    state.home = view;
    touch("home");
  },
  inspector({ entry }) {
    const index = state.entries.findLastIndex((known) => known.id === entry.id);
    if (index >= 0) state.entries[index] = entry;
    else state.entries.push(entry);
    if (state.entries.length > MOST_ENTRIES)
      state.entries.splice(0, state.entries.length - MOST_ENTRIES);
    touch("inspector");
  },
  faults({ faults, rate_limits }) {
    state.faults = faults;
    state.rateLimits = rate_limits;
    touch("faults");
  },
  socket({ connected }) {
    state.sockets = connected;
    touch("faults");
  },
};

// Slack clears a status for the app as a whole when no author is named.
function clearStatus(authors, { user, username }) {
  if (username) authors.delete(username);
  else for (const [key, shown] of authors) if (!user || shown.user === user) authors.delete(key);
}

function countUnread(channelId, message) {
  const channel = state.channels.get(channelId);
  const seen = channelId === state.route.channel && !document.hidden;
  if (!channel || message.user === state.me.id) return;
  if (isReply(message) && message.subtype !== "thread_broadcast") return;
  if (seen) return touch("read");
  channel.unread = (channel.unread ?? 0) + 1;
  if (!state.markers.has(channelId)) state.markers.set(channelId, message.ts);
  touch("workspace");
}

/** Show `view` on top, or in its own place if it is already in the stack. */
export function putView(view) {
  const index = state.views.findIndex((known) => known.id === view.id);
  state.views = index < 0 ? [...state.views, view] : state.views.with(index, view);
}

/** Take the view called `id` out of the stack; without an id, take all. */
export function closeView(id) {
  state.views = id ? state.views.filter((known) => known.id !== id) : [];
}
