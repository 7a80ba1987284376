/*
 * What the page knows, and who wants to hear of changes.
 * Views subscribe to topics; `touch` marks one as changed and subscribers run once per frame.
 */

/** The one state. Views read it; only `frames.js` and `commands.js` write it. */
export const state = {
  team: null,
  me: null,
  people: [],
  appBot: null,
  appAuthors: [], // names that the app speaks under, besides those of loaded messages
  users: new Map(),
  channels: new Map(),
  notice: null,
  faults: [],
  rateLimits: false,
  sockets: null,
  messages: new Map(), // channel -> Map(ts -> message), roots and replies together
  ephemerals: new Map(), // channel -> Map(ts -> message)
  loaded: new Set(), // "channel" and "channel:thread" whose history is here
  markers: new Map(), // channel -> ts of the first message not read when it was opened
  statuses: new Map(), // "channel:thread" -> Map(author -> { name, icon, status })
  sessions: new Map(), // "channel:thread" -> { status, title }
  dismissed: new Set(), // ts of notes taken off the screen
  views: [], // modals, the top one last
  home: null,
  entries: [], // the inspector's, oldest first
  link: "connecting",
  route: { channel: null, thread: null },
};

const subscribers = new Map();
const touched = new Set();
let scheduled = false;

/** Run `listener` after each frame in which one of `topics` was touched. */
export function on(topics, listener) {
  for (const topic of [topics].flat()) {
    if (!subscribers.has(topic)) subscribers.set(topic, new Set());
    subscribers.get(topic).add(listener);
  }
}

/** Mark `topics` as changed. */
export function touch(...topics) {
  for (const topic of topics) touched.add(topic);
  if (scheduled) return;
  scheduled = true;
  // A hidden tab gets no animation frames, yet its title must tell of unread messages.
  if (document.hidden) setTimeout(flush, 200);
  else requestAnimationFrame(flush);
}

function flush() {
  scheduled = false;
  const due = new Set();
  for (const topic of touched)
    for (const listener of subscribers.get(topic) ?? []) due.add(listener);
  touched.clear();
  for (const listener of due) listener();
}

export const threadKey = (channel, thread) => `${channel}:${thread ?? ""}`;

/** The inner map of `outer` under `key`, made if it is not there. */
export function inner(outer, key) {
  if (!outer.has(key)) outer.set(key, new Map());
  return outer.get(key);
}

const byTs = (a, b) => (a.ts < b.ts ? -1 : a.ts > b.ts ? 1 : 0);
export const isReply = (message) => Boolean(message.thread_ts) && message.thread_ts !== message.ts;
const inChannel = (message) => !isReply(message) || message.subtype === "thread_broadcast";

const notesOf = (channel) =>
  [...inner(state.ephemerals, channel).values()].filter((note) => !state.dismissed.has(note.ts));

/** What a channel shows: roots, broadcasts and notes outside threads, oldest first. */
export function channelMessages(channel) {
  const kept = [...inner(state.messages, channel).values()].filter(inChannel);
  const notes = notesOf(channel).filter((note) => !note.thread_ts);
  return [...kept, ...notes].sort(byTs);
}

/** What a thread shows: its root, replies and notes, oldest first. */
export function threadMessages(channel, thread) {
  const belongs = (message) => message.ts === thread || message.thread_ts === thread;
  const kept = [...inner(state.messages, channel).values()].filter(belongs);
  const notes = notesOf(channel).filter((note) => note.thread_ts === thread);
  return [...kept, ...notes].sort(byTs);
}

/** The newest message of the person at the keyboard in a list, or null. */
export function lastOwn(messages) {
  const own = messages.filter((message) => message.user === state.me.id && !message.is_ephemeral);
  return own.at(-1) ?? null;
}

export const userName = (id) => {
  const user = state.users.get(id);
  return user ? user.display_name || user.real_name || user.name : id;
};

/** A channel's name as people read it; a DM is called after the other person. */
export const channelName = (channel) => (channel.is_im ? userName(channel.user) : channel.name);

/** Names that the app speaks under: the teammates who can be addressed by plain name. */
export function teammateNames() {
  const names = new Set(state.appAuthors);
  for (const messages of state.messages.values()) {
    for (const message of messages.values()) {
      if (message.username && message.bot_id === state.appBot) names.add(message.username);
    }
  }
  return [...names].sort();
}
