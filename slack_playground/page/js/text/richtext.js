/* The `rich_text` block: what people's own messages are made of. */

import { h, link } from "/page/js/dom.js";
import { codeBlock } from "/page/js/text/code.js";
import { emojiFor } from "/page/js/text/emoji.js";
import {
  broadcastMention,
  channelMention,
  dateNode,
  decodeEntities,
  groupMention,
  userMention,
} from "/page/js/text/tokens.js";

/** Nodes for a rich_text block's elements. */
export const richText = (block) => (block.elements ?? []).map(part);

function part(element) {
  switch (element.type) {
    case "rich_text_section":
      return h("div.rich", null, inlineElements(element.elements));
    case "rich_text_quote":
      return h("blockquote", null, h("div.rich", null, inlineElements(element.elements)));
    case "rich_text_preformatted":
      return codeBlock(plainOf(element.elements), element.language ?? null);
    case "rich_text_list":
      return list(element);
    default:
      return h("p.unknown", null, `Rich text of type “${element.type}” is not shown here.`);
  }
}

// Slack sends nested lists as siblings with an indent, and tells where numbering goes on.
function list({ style, indent = 0, offset = 0, border, elements = [] }) {
  const ordered = style === "ordered";
  const props = {
    class: `indent-${Math.min(indent, 8)}${border ? " has-border" : ""}`,
    start: ordered && offset ? offset + 1 : null,
  };
  const items = elements.map((item) =>
    h("li", null, h("div.rich", null, inlineElements(item.elements))),
  );
  return h(ordered ? "ol" : "ul", props, items);
}

const plainOf = (elements = []) =>
  elements
    .map((element) =>
      decodeEntities(element.text ?? element.url ?? inlineElement(element).textContent),
    )
    .join("");

const inlineElements = (elements = []) =>
  elements.map((element) => styled(inlineElement(element), element.style));

function inlineElement(element) {
  switch (element.type) {
    case "text":
      return document.createTextNode(decodeEntities(element.text));
    case "link":
      return link(element.url, decodeEntities(element.text ?? "") || element.url);
    case "emoji":
      return document.createTextNode(
        emojiFor(element.name) ?? fromUnicode(element.unicode) ?? `:${element.name}:`,
      );
    case "user":
      return userMention(element.user_id);
    case "usergroup":
      return groupMention(element.usergroup_id);
    case "channel":
      return channelMention(element.channel_id);
    case "broadcast":
      return broadcastMention(element.range);
    case "date":
      return dateNode([element.timestamp, element.format, element.url], element.fallback);
    case "color":
      return h("span.color", { vars: { swatch: element.value } }, element.value);
    case "team":
      return document.createTextNode(element.team_id);
    default:
      return document.createTextNode(decodeEntities(element.text ?? ""));
  }
}

const fromUnicode = (codes) =>
  codes ? String.fromCodePoint(...codes.split("-").map((code) => Number.parseInt(code, 16))) : null;

const STYLES = { code: "code", strike: "s", italic: "em", bold: "strong", underline: "u" };

function styled(node, style) {
  if (!style) return node;
  return Object.entries(STYLES).reduce(
    (inside, [name, tag]) => (style[name] ? h(tag, null, inside) : inside),
    node,
  );
}
