/* What a person can do: go somewhere, become someone else, say something, press something. */

import { ApiError, get, post } from "/page/js/api.js";
import { applyFrame, closeView, loadUnderFrames, putView } from "/page/js/frames.js";
import { openLive } from "/page/js/live.js";
import { readRoute, writeRoute } from "/page/js/route.js";
import { channelMessages, inner, isReply, state, threadKey, touch } from "/page/js/store.js";
import { toast } from "/page/js/views/toast.js";

let closeLive = null;
let latestStart = 0;

/** Become the person `as` (null: the playground's first) and show what the address asks for. */
export async function start({ as, channel, thread }) {
  const mine = (latestStart += 1);
  const workspace = await get("state", { as });
  if (mine !== latestStart) return; // someone was chosen meanwhile
  closeLive?.();
  putWorkspace(workspace);
  forgetHistory();
  await listen();
  await loadInspector();
  const known = state.channels.has(channel);
  await show(
    { channel: known ? channel : firstChannel(), thread: known ? thread : null },
    { replace: true },
  );
  touch("workspace", "faults", "home", "views");
}

/**
 * Open the live socket and wait until it is open or has failed once. History is asked for only
 * after that, so that nothing falls between the two; every later opening loads again what is shown.
 */
function listen() {
  return new Promise((resolve) => {
    let listening = false;
    closeLive = openLive({
      as: state.me.id,
      onFrame: applyFrame,
      onState: (link) => {
        state.link = link;
        touch("link");
        listening ||= link !== "connecting";
        if (listening) resolve();
      },
      onOpen: () => {
        forgetPassing();
        if (listening) attempt(resync);
      },
    });
  });
}

function putWorkspace(answer) {
  state.team = answer.team;
  state.me = answer.me;
  state.appHearsStop = answer.app_hears_stop;
  state.appAuthors = answer.app_authors;
  state.appBot = answer.app_bot;
  state.appHasHome = answer.app_has_home;
  state.people = answer.people;
  state.users = new Map([...answer.users, ...answer.people].map((user) => [user.id, user]));
  state.channels = new Map(answer.channels.map((channel) => [channel.id, channel]));
  state.notice = answer.notice;
  state.faults = answer.faults;
  state.rateLimits = answer.rate_limits;
  state.sockets = answer.sockets ?? state.sockets;
}

async function loadInspector() {
  state.entries = (await get("inspector", { limit: 300 })).entries;
  touch("inspector");
}

function forgetHistory() {
  for (const part of ["messages", "ephemerals", "loaded", "markers"]) state[part].clear();
  state.home = null;
  forgetPassing();
}

// What the playground tells anew at the opening of each socket.
function forgetPassing() {
  state.statuses.clear();
  state.sessions.clear();
  state.views = [];
  touch("status", "views");
}

/** Load again what is on screen, after frames may have been missed. */
export async function resync() {
  const as = state.me.id;
  const workspace = await get("state", { as });
  if (as !== state.me.id) return;
  putWorkspace(workspace);
  const { channel, thread } = state.route;
  const shown = [threadKey(channel, null), threadKey(channel, thread)];
  for (const key of state.loaded) if (!shown.includes(key)) state.loaded.delete(key);
  await Promise.all([loadShown({ again: true }), loadInspector()]);
  touch("workspace", "faults", "messages");
}

const firstChannel = () =>
  [...state.channels.values()].find((channel) => !channel.is_im)?.id ?? null;

/** Switch to another person without leaving the page. */
export const become = (as) => attempt(() => start({ ...state.route, as }));

/** Show a channel, with a thread beside it or none. */
export async function show({ channel, thread = null }, { replace = false } = {}) {
  leave(state.route.channel, channel);
  state.route = { channel, thread };
  writeRoute({ as: state.me.id, channel, thread }, { replace });
  touch("route", "workspace", "messages", "status");
  await loadShown();
}

export const openChannel = (channel) => attempt(() => show({ channel }));
export const openThread = (thread) => attempt(() => show({ channel: state.route.channel, thread }));
export const closeThread = () => attempt(() => show({ channel: state.route.channel }));

/** Follow the browser's back and forward buttons. */
export function followHistory() {
  addEventListener("popstate", () => {
    const { as, channel, thread } = readRoute();
    if (as && as !== state.me.id) attempt(() => start({ as, channel, thread }));
    else if (state.channels.has(channel))
      attempt(() => show({ channel, thread }, { replace: true }));
  });
}

function leave(from, to) {
  if (from && from !== to) state.markers.delete(from);
}

async function loadShown({ again = false } = {}) {
  const { channel, thread } = state.route;
  if (!channel) return;
  await Promise.all([
    loadHistory(channel, null, again),
    thread && loadHistory(channel, thread, again),
  ]);
  markRead(channel);
}

async function loadHistory(channel, thread, again) {
  if (state.loaded.has(threadKey(channel, thread)) && !again) return;
  const as = state.me.id;
  const load = () => get("messages", { as, channel, thread_ts: thread });
  await loadUnderFrames(load, (answer) => {
    if (as === state.me.id) putHistory(channel, thread, answer);
  });
}

function putHistory(channel, thread, { messages, ephemerals }) {
  const kept = inner(state.messages, channel);
  const covered = (message) =>
    thread
      ? message.thread_ts === thread
      : !isReply(message) || message.subtype === "thread_broadcast";
  for (const message of [...kept.values()]) if (covered(message)) kept.delete(message.ts);
  for (const message of messages) kept.set(message.ts, message);
  for (const note of ephemerals) {
    inner(state.ephemerals, channel).set(note.ts, { ...note, is_ephemeral: true });
  }
  state.loaded.add(threadKey(channel, thread));
  touch("messages", "status");
}

function markRead(id) {
  const channel = state.channels.get(id);
  if (!channel?.unread) return;
  const others = channelMessages(id).filter(
    (message) => message.user !== state.me.id && !message.is_ephemeral,
  );
  const first = others.at(-Math.min(channel.unread, others.length));
  if (first && !state.markers.has(id)) state.markers.set(id, first.ts);
  channel.unread = 0;
  touch("workspace", "messages", "read");
}

/** The page came back into sight: what is on screen is read now. */
export const markShownRead = () => state.route.channel && markRead(state.route.channel);

/** Tell the server that what the shown channel holds was read. */
export const tellRead = () => {
  const { channel } = state.route;
  if (channel) attempt(() => post("read", { as: state.me.id, channel }));
};

/** Open the direct messages with `user`. */
export const openDm = (user) =>
  attempt(async () => {
    const { channel } = await post("dm", { as: state.me.id, user });
    state.channels.set(channel.id, channel);
    await show({ channel: channel.id });
  });

/** Post what was typed; `files` are `{name, type, data}` with base64 data. Tells whether it worked. */
export const send = (message) =>
  attempt(() => checked(post("post", { as: state.me.id, ...message })));
export const edit = (channel, ts, text) =>
  attempt(() => checked(post("edit", { as: state.me.id, channel, ts, text })));
export const remove = (channel, ts) =>
  attempt(() => checked(post("delete", { as: state.me.id, channel, ts })));
export const react = (channel, ts, name, off) =>
  attempt(() => checked(post("react", { as: state.me.id, channel, ts, name, remove: off })));
export const invite = (channel, user) =>
  attempt(() => checked(post("join", { as: state.me.id, channel, user })));

/** Take an ephemeral note off the screen. Slack forgets it too. */
export function dismiss(ts) {
  state.dismissed.add(ts);
  touch("messages");
}

/** Press something in a message. Returns null, or the sentence to show beside it. */
export function pressInMessage(channel, message, action) {
  const place = { channel, message_ts: message.ts, is_ephemeral: message.is_ephemeral };
  return press("action", { ...place, ...action });
}

/** Press something in a view, with what is filled in so far. Returns null, or the sentence to show. */
export const pressInView = (view, action, values) =>
  press("view/action", { view_id: view.id, ...action, state: { values } });

async function press(path, body) {
  try {
    const answer = await post(path, { as: state.me.id, ...body });
    return answer.ok ? null : answer.error;
  } catch (error) {
    return error.message;
  }
}

/** Submit a view. Returns the field errors, or null when there are none. */
export async function submitView(view, values) {
  const answer = await post("view/submit", {
    as: state.me.id,
    view_id: view.id,
    state: { values },
  });
  if (answer.response_action === "errors") return answer.errors;
  if (!answer.ok) throw new ApiError(answer.error);
  if (answer.response_action === "clear") closeView();
  else if (!answer.view) closeView(view.id);
  else if (!state.views.some(({ id }) => id === answer.view.id)) putView(answer.view);
  touch("views");
  return null;
}

export function cancelView(view) {
  closeView(view.id);
  touch("views");
  return attempt(() => post("view/close", { as: state.me.id, view_id: view.id }));
}

/** Press the native Stop of an agent's session. */
export const stopSession = (channel, thread) =>
  attempt(() => checked(post("session/stop", { as: state.me.id, channel, thread_ts: thread })));

/** Let something happen in the shown channel, and show where it happened. */
export const happen = (what, details = {}) =>
  attempt(async () => {
    const { channel, thread } = state.route;
    const said = await post("happen", { as: state.me.id, channel, what, ...details });
    const where = said.channel?.id ?? channel;
    if (where === channel) await post("read", { as: state.me.id, channel }); // it is on the screen
    await start({ as: state.me.id, channel: where, thread: where === channel ? thread : null });
  });

/** Open the app's Home tab; the app hears of it and may publish. */
export const openHome = () =>
  attempt(async () => {
    state.home = (await checked(post("home", { as: state.me.id }))).view;
    touch("home");
  });

export const setFault = (name, on, params) =>
  attempt(async () => {
    state.faults = (await post("faults", { name, on, ...params })).faults;
    touch("faults");
  });

export const setRateLimits = (on) =>
  attempt(async () => {
    await post("rate_limits", { on });
    state.rateLimits = on;
    touch("faults");
  });

export const clearInspector = () =>
  attempt(async () => {
    await post("inspector/clear");
    state.entries = [];
    touch("inspector");
  });

async function checked(answer) {
  const body = await answer;
  if (body.ok === false) throw new ApiError(body.error);
  return body;
}

/** Run `deed`; if it fails, say why and return false. */
export async function attempt(deed) {
  try {
    await deed();
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    toast(error.message);
    return false;
  }
}
