/* Block Kit, as Slack shows it. Each block knows its own node; what can be pressed is in elements.js. */

import { h, link, morphChildren } from "/page/js/dom.js";
import { element, imageNode } from "/page/js/elements.js";
import { inputBlock } from "/page/js/inputs.js";
import { markdown } from "/page/js/text/markdown.js";
import { plain, textObject } from "/page/js/text/mrkdwn.js";
import { richText } from "/page/js/text/richtext.js";

/*
 * A surface is what blocks are shown on: {
 *   press(blockId, element, detail) -> Promise<null | sentence>,
 *   form: null outside modals, else the form that collects inputs (see inputs.js),
 * }
 */

/** Draw `blocks` into `host`, keeping every block that is the same as before. */
export function drawBlocks(host, blocks, surface) {
  const old = [...host.children];
  blocks.forEach((block, index) => {
    const signature = JSON.stringify(block);
    const shown = old[index];
    if (!shown) host.append(blockNode(block, signature, surface));
    else if (shown.signature !== signature) redraw(shown, block, signature, surface);
  });
  for (const node of old.slice(blocks.length)) node.remove();
}

// Text that grows keeps its nodes; anything that can be pressed is drawn anew with its new meaning.
function redraw(shown, block, signature, surface) {
  if (GROWING.has(block.type) && shown.dataset.type === block.type) {
    morphChildren(shown, content(block, surface));
    shown.signature = signature;
  } else {
    shown.replaceWith(blockNode(block, signature, surface));
  }
}

const GROWING = new Set(["markdown", "rich_text", "header", "divider", "table"]);

function blockNode(block, signature, surface) {
  const node = h(
    "div.block",
    { data: { type: block.type, block: block.block_id } },
    content(block, surface),
  );
  node.signature = signature;
  return node;
}

function content(block, surface) {
  const draw = Object.hasOwn(BLOCKS, block.type) ? BLOCKS[block.type] : unknown;
  return [draw(block, surface)].flat(Infinity).filter(Boolean);
}

const BLOCKS = {
  markdown: (block) => h("div.markdown", null, markdown(block.text)),
  rich_text: (block) => h("div.markdown", null, richText(block)),
  header: (block) =>
    h("div.header-block", { role: "heading", aria: { level: 3 } }, textObject(block.text)),
  divider: () => h("hr"),
  section,
  context,
  actions,
  context_actions: actions,
  image,
  input: inputBlock,
  table,
  task_card: taskCard,
  plan,
  alert,
};

const unknown = (block) =>
  h("p.unknown", null, `A block of type “${block.type}” is not shown here.`);

function section(block, surface) {
  const text = block.text && h("div.section-text", null, textObject(block.text));
  const fields =
    block.fields?.length &&
    h(
      "div.fields",
      null,
      block.fields.map((field) => h("div", null, textObject(field))),
    );
  const accessory =
    block.accessory && h("div.accessory", null, element(block.accessory, block, surface));
  return h("div.section", null, h("div.section-main", null, text, fields), accessory);
}

function context(block) {
  const parts = (block.elements ?? []).map((part) =>
    part.type === "image" ? imageNode(part, "context-image") : h("div", null, textObject(part)),
  );
  return h("div.context", null, parts);
}

function actions(block, surface) {
  return h(
    "div.actions",
    null,
    (block.elements ?? []).map((part) => element(part, block, surface)),
  );
}

function image(block) {
  const title = block.title && h("figcaption", null, textObject(block.title));
  return h("figure.image-block", null, title, imageNode(block, "image"));
}

function table(block) {
  const rows = (block.rows ?? []).map((row, index) =>
    h(
      "tr",
      null,
      row.map((cell, column) =>
        tableCell(cell, index === 0 ? "th" : "td", block.column_settings?.[column]),
      ),
    ),
  );
  return h(
    "div.table-wrap.markdown",
    { tabindex: 0, role: "region", aria: { label: "Table" } },
    h("table", null, h("tbody", null, rows)),
  );
}

function tableCell(cell, tag, settings) {
  const inside =
    cell.type === "rich_text" ? richText(cell) : plain(String(cell.text ?? cell.value ?? ""));
  return h(tag, { class: settings?.align ? `align-${settings.align}` : null }, inside);
}

const TASK_WORDS = {
  pending: "Waiting",
  in_progress: "In progress",
  complete: "Done",
  error: "Failed",
};

function taskCard(block) {
  const status = TASK_WORDS[block.status] ? block.status : "pending";
  const mark = h("span.task-state", {
    class: `is-${status}`,
    role: "img",
    aria: { label: TASK_WORDS[status] },
  });
  const sources = (block.sources ?? []).map((source) => link(source.url, source.text));
  return h(
    "div.task-card",
    null,
    mark,
    h(
      "div",
      null,
      h("div.task-title", null, block.title ?? ""),
      block.details && h("div.markdown.task-details", null, richText(block.details)),
      block.output && h("div.markdown.task-output", null, richText(block.output)),
      sources.length > 0 && h("div.task-sources", null, sources),
    ),
  );
}

function plan(block) {
  const title = typeof block.title === "string" ? block.title : (block.title?.text ?? "Plan");
  return h("div.plan", null, h("div.plan-title", null, title), (block.tasks ?? []).map(taskCard));
}

function alert(block) {
  return h(
    "div.alert",
    { class: `is-${block.level ?? "default"}`, role: "note" },
    textObject(block.text),
  );
}

/** A legacy attachment: a coloured bar with a title, text, fields and perhaps blocks. */
export function attachmentNode(attachment, surface) {
  const host = h("div.attachment-body");
  const color = /^#?[0-9a-f]{6}$/i.test(attachment.color ?? "")
    ? `#${attachment.color.replace("#", "")}`
    : null;
  if (attachment.blocks) drawBlocks(host, attachment.blocks, surface);
  else host.append(...plainAttachment(attachment));
  return h("div.attachment", { vars: { bar: color } }, host);
}

function plainAttachment(attachment) {
  const { pretext, author_name: author, title, title_link, text, fallback, fields, footer } =
    attachment;
  const body = text || (title || author ? "" : fallback);
  const said = (words) => textObject({ type: "mrkdwn", text: words });
  return [
    pretext && h("div", null, said(pretext)),
    author && h("div.attachment-author", null, author),
    title && h("div.attachment-title", null, title_link ? link(title_link, title) : title),
    body && h("div", null, said(body)),
    fields?.length && h("div.fields", null, fields.map(attachmentField)),
    footer && h("div.context", null, footer),
  ].filter(Boolean);
}

const attachmentField = ({ title, value }) =>
  h(
    "div",
    null,
    title && h("strong.attachment-field", null, title),
    h("div", null, textObject({ type: "mrkdwn", text: value ?? "" })),
  );
