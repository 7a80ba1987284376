/*
 * A scrolling list of messages with day dividers and the mark of what is new.
 * Rows are kept from one drawing to the next; the view stays at the bottom if it was there.
 */

import { authorOf } from "/page/js/author.js";
import { h, reveal } from "/page/js/dom.js";
import { icon } from "/page/js/icons.js";
import { state } from "/page/js/store.js";
import { enableCopy } from "/page/js/text/code.js";
import { dayKey, dayName } from "/page/js/time.js";
import { createRow } from "/page/js/views/message.js";
import { walkRows } from "/page/js/views/roving.js";
import { announce } from "/page/js/views/toast.js";

const NEAR_BOTTOM_PX = 48;
const GROUP_S = 300;

/** A list for the "channel" or the "thread" pane, read aloud as `label`. */
export function createMessageList(pane, label) {
  const rowsHost = h("div.rows", { role: "feed", aria: { label } });
  const scroller = h("div.scroller", { tabindex: -1 }, rowsHost);
  const pill = h("button.pill", { type: "button", hidden: true });
  const node = h("div.message-list", { class: `in-${pane}` }, scroller, pill);
  const list = {
    node,
    scroller,
    rowsHost,
    pill,
    pane,
    rows: new Map(),
    pinned: true,
    fresh: 0,
    place: null,
  };
  list.update = (messages, place) => update(list, messages, place);
  list.toBottom = () => toBottom(list);
  list.row = (ts) => list.rows.get(`m${ts}`) ?? null;
  enableCopy(rowsHost);
  walkRows(rowsHost);
  keepPinned(list);
  return list;
}

function keepPinned(list) {
  const { scroller, rowsHost, pill } = list;
  const follow = new ResizeObserver(() => list.pinned && stick(list));
  follow.observe(rowsHost);
  follow.observe(scroller);
  // Only going up unpins: growth between a scroll and its event must not look like leaving.
  let top = 0;
  scroller.addEventListener("scroll", () => {
    const left = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
    if (left < NEAR_BOTTOM_PX) list.pinned = true;
    else if (scroller.scrollTop < top) list.pinned = false;
    top = scroller.scrollTop;
    if (list.pinned) noFresh(list);
  });
  pill.addEventListener("click", () => toBottom(list));
}

const stick = (list) => {
  list.scroller.scrollTop = list.scroller.scrollHeight;
};

function toBottom(list) {
  list.pinned = true;
  noFresh(list);
  stick(list);
}

function noFresh(list) {
  list.fresh = 0;
  reveal(list.pill, false);
}

/**
 * Draw `messages` (oldest first). `place` is {key, channel, marker, intro, afterFirst}: a new key
 * starts over at the bottom; `intro` stands above all, `afterFirst` below the first message.
 */
function update(list, messages, place) {
  const moved = list.place?.key !== place.key;
  if (moved) reset(list);
  list.place = place;
  const wanted = layout(list, messages, place);
  const arrived = moved ? [] : wanted.filter(({ isNew, own }) => isNew && !own);
  reconcile(list, wanted);
  if (moved || list.pinned) stick(list);
  else if (arrived.length) showPill(list, arrived.length);
  for (const row of arrived)
    announce(`${row.node.dataset.author}: ${row.parts.content.textContent.slice(0, 160)}`);
}

function reset(list) {
  list.rows.clear();
  list.rowsHost.replaceChildren();
  list.pinned = true;
  noFresh(list);
}

function showPill(list, arrived) {
  list.fresh += arrived;
  reveal(list.pill, true, "new-messages");
  list.pill.replaceChildren(
    icon("down", 16),
    list.fresh === 1 ? "1 new message" : `${list.fresh} new messages`,
  );
}

/** What should stand in the list: nodes in order, each message row updated on the way. */
function layout(list, messages, { channel, marker, intro, afterFirst }) {
  const wanted = intro ? [{ key: "intro", node: intro }] : [];
  let before = null;
  let shownDay = null;
  messages.forEach((message, index) => {
    const day = dayKey(message.ts);
    if (day !== shownDay) {
      wanted.push(kept(list, `d${day}`, () => dayDivider(message.ts)));
      before = null;
    }
    shownDay = day;
    if (message.ts === marker) {
      wanted.push(kept(list, "new", newDivider));
      before = null;
    }
    wanted.push(messageRow(list, message, channel, isGrouped(before, message)));
    if (index === 0 && afterFirst) wanted.push({ key: "after", node: afterFirst });
    before = index === 0 && afterFirst ? null : message;
  });
  return wanted;
}

function kept(list, key, make) {
  const known = list.rows.get(key);
  return known ?? { key, node: make() };
}

function messageRow(list, message, channel, grouped) {
  const key = `${message.is_ephemeral ? "e" : "m"}${message.ts}`;
  const known = list.rows.get(key);
  const row = known ?? Object.assign(createRow(channel, list.pane), { key });
  row.update(message, { grouped });
  row.isNew = !known;
  row.own = message.user === state.me.id;
  return row;
}

function isGrouped(before, message) {
  if (!before || before.is_ephemeral || message.is_ephemeral) return false;
  if (
    before.subtype !== message.subtype &&
    [before.subtype, message.subtype].includes("thread_broadcast")
  )
    return false;
  const close = Number(message.ts) - Number(before.ts) < GROUP_S;
  return close && !before.reply_count && authorOf(before).key === authorOf(message).key;
}

/** Put the wanted nodes into the document in order, moving and removing as little as possible. */
function reconcile(list, wanted) {
  const { rowsHost } = list;
  list.rows = new Map(wanted.map((row) => [row.key, row]));
  const keep = new Set(wanted.map(({ node }) => node));
  for (const child of [...rowsHost.children]) if (!keep.has(child)) child.remove();
  let at = rowsHost.firstChild;
  for (const { node } of wanted) {
    if (node === at) at = at.nextSibling;
    else rowsHost.insertBefore(node, at);
  }
}

const dayDivider = (ts) => h("div.divider", { role: "separator" }, h("span", null, dayName(ts)));
const newDivider = () =>
  h(
    "div.divider.is-new",
    { role: "separator", data: { testid: "unread-marker" } },
    h("span", null, "New"),
  );
