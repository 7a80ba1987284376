/* One message: head, content, files, reactions, thread line, tools. Redraws only what changed. */

import { authorOf, avatar } from "/page/js/author.js";
import { attachmentNode, drawBlocks } from "/page/js/blocks.js";
import { dismiss, openThread, pressInMessage } from "/page/js/commands.js";
import { fill, h, morphChildren, refill } from "/page/js/dom.js";
import { icon } from "/page/js/icons.js";
import { mrkdwn } from "/page/js/text/mrkdwn.js";
import { dateOf, fullTimeOf, timeOf } from "/page/js/time.js";
import { fileNode } from "/page/js/views/files.js";
import { reactionBar } from "/page/js/views/reactions.js";
import { threadSummary } from "/page/js/views/summary.js";
import { toolbar } from "/page/js/views/toolbar.js";

/**
 * A row for a message of `channel`, in the "channel" or in the "thread" pane.
 * `update(message, {grouped})` draws it; a grouped row leaves out the head.
 */
export function createRow(channel, pane) {
  const parts = {
    gutter: h("div.gutter"),
    head: h("div.head"),
    content: h("div.content"),
    extra: h("div.extra"),
    reactions: h("div.reactions"),
    summary: h("div.summary"),
    tools: h("div.tools"),
  };
  const { gutter, head, content, extra, reactions, summary, tools } = parts;
  const node = h(
    "article.message",
    { tabindex: -1 },
    gutter,
    h("div.body", null, head, content, extra, reactions, summary),
    tools,
  );
  const row = { node, parts, channel, pane, message: null, grouped: null };
  row.surface = {
    form: null,
    press: (blockId, element, detail) => press(row, blockId, element, detail),
  };
  row.update = (message, { grouped }) => update(row, message, grouped);
  row.refresh = () => drawSummary(row);
  return row;
}

// The row knows the newest message, so an old button never presses an old version.
const press = (row, blockId, element, detail) =>
  pressInMessage(row.channel, row.message, {
    block_id: blockId,
    action_id: element.action_id,
    ...detail,
  });

function update(row, message, grouped) {
  const before = row.message;
  if (before === message && row.grouped === grouped) return;
  Object.assign(row, { message, grouped });
  drawIdentity(row);
  drawContent(row);
  if (!same(before?.files, message.files) || !same(before?.attachments, message.attachments))
    drawExtra(row);
  if (!same(before?.reactions, message.reactions)) drawReactions(row);
  drawSummary(row);
  if (!before && message.subtype !== "tombstone") fill(row.parts.tools, toolbar(row));
}

const same = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

function drawIdentity(row) {
  const { message, grouped, node, parts } = row;
  if (message.subtype === "tombstone") return drawTombstone(row);
  const author = authorOf(message);
  const signature = JSON.stringify([author, grouped, message.ts]);
  if (row.identity === signature) return;
  row.identity = signature;
  node.classList.toggle("is-grouped", grouped);
  node.classList.toggle("is-ephemeral", Boolean(message.is_ephemeral));
  Object.assign(node.dataset, {
    testid: message.is_ephemeral ? "ephemeral" : "message",
    ts: message.ts,
    author: author.name,
  });
  node.setAttribute("aria-label", `${author.name}, ${timeOf(message.ts)}`);
  const time = h(
    "time",
    { datetime: dateOf(message.ts).toISOString(), title: fullTimeOf(message.ts) },
    timeOf(message.ts),
  );
  fill(parts.gutter, grouped ? time : avatar(author));
  fill(
    parts.head,
    message.is_ephemeral && onlyYou(row),
    !grouped && h("span.who", null, h("strong.name", null, author.name), badges(author), time),
  );
}

// What was deleted has no author any more; its thread stays.
function drawTombstone({ node, parts }) {
  node.classList.add("is-tombstone");
  node.dataset.author = "";
  node.setAttribute("aria-label", "A deleted message");
  fill(parts.gutter, icon("trash"));
  fill(parts.head);
  fill(parts.tools);
}

const badges = (author) => [
  author.isApp && h("span.badge", { title: "An app" }, "APP"),
  author.isGuest && h("span.badge.is-guest", { title: "From another organisation" }, "Guest"),
];

const onlyYou = (row) =>
  h(
    "span.only-you",
    null,
    icon("eye", 14),
    "Only visible to you",
    h(
      "button.dismiss",
      { type: "button", data: { testid: "dismiss" }, on: { click: () => dismiss(row.message.ts) } },
      "Dismiss",
    ),
  );

function drawContent(row) {
  const { message } = row;
  const { content } = row.parts;
  const mode = message.blocks?.length ? "blocks" : "text";
  if (content.dataset.mode !== mode) content.replaceChildren();
  content.dataset.mode = mode;
  content.classList.toggle("is-system", SYSTEM.has(message.subtype));
  if (mode === "blocks") drawBlocks(content, message.blocks, row.surface);
  else morphChildren(content, mrkdwn(message.text));
  markEdited(content, message);
  if (message.subtype === "thread_broadcast" && row.pane === "channel") markBroadcast(row);
}

const SYSTEM = new Set([
  "channel_join",
  "channel_leave",
  "channel_topic",
  "channel_purpose",
  "channel_name",
  "tombstone",
]);

// Slack leaves the mark out where blocks other than typed text were replaced.
function markEdited(content, { edited, blocks = [] }) {
  content.querySelector(".edited")?.remove();
  if (!edited || blocks.some(({ type }) => type !== "rich_text")) return;
  const texts = content.querySelectorAll(".rich, .mrkdwn");
  (texts[texts.length - 1] ?? content).append(
    h("span.edited", { title: edited.ts ? fullTimeOf(edited.ts) : null }, " (edited)"),
  );
}

function markBroadcast(row) {
  if (row.parts.head.querySelector(".broadcast")) return;
  const open = h(
    "button.broadcast",
    { type: "button", on: { click: () => openThread(row.message.thread_ts) } },
    "replied to a thread",
  );
  row.parts.head.append(open);
}

function drawExtra(row) {
  const { files = [], attachments = [] } = row.message;
  fill(
    row.parts.extra,
    attachments.map((one) => attachmentNode(one, row.surface)),
    files.map(fileNode),
  );
}

const drawReactions = (row) => refill(row.parts.reactions, reactionBar(row));

function drawSummary(row) {
  const fresh = row.pane === "channel" ? threadSummary(row) : null;
  const shown = row.parts.summary.firstChild;
  if (fresh ? shown?.isEqualNode(fresh) : !shown) return;
  refill(row.parts.summary, fresh);
}
