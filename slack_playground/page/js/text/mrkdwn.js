/*
 * Slack's mrkdwn, which is not Markdown: `*bold*`, `_italic_`, `~strike~`, code, quotes and tokens.
 * No headings, no lists, no tables, no [links](…); `**x**` stays as it is written.
 */

import { h, link } from "/page/js/dom.js";
import { codeBlock } from "/page/js/text/code.js";
import { withEmoji } from "/page/js/text/emoji.js";
import { TOKEN, decodeEntities, tokenNode } from "/page/js/text/tokens.js";

const MARKS = { "*": "strong", _: "em", "~": "s" };
const WORD = /[\p{L}\p{N}]/u;
const BARE_LINK = /https?:\/\/[^\s<>|]+/;

/** Nodes for a mrkdwn `text`. `verbatim` leaves bare addresses unlinked, as Slack does. */
export function mrkdwn(text, { verbatim = false } = {}) {
  return splitFences(text ?? "").flatMap(({ fence, body }) =>
    fence ? [codeBlock(plainTokens(body), null)] : quotes(body, { verbatim }),
  );
}

/** A `plain_text` object's nodes: literal, with emoji unless `emoji` is off. */
export const plain = (text, { emoji = true } = {}) => [emoji ? withEmoji(text) : text];

/** A text object's nodes, by its own type. */
export function textObject(object) {
  if (!object) return [];
  if (object.type === "mrkdwn") return mrkdwn(object.text, { verbatim: object.verbatim });
  return plain(decodeEntities(object.text), { emoji: object.emoji !== false });
}

// A fence that is never closed is no fence: Slack shows the backticks.
function splitFences(text) {
  const parts = [];
  const fences = /```([\s\S]+?)```/g;
  let from = 0;
  for (const match of text.matchAll(fences)) {
    parts.push({ body: text.slice(from, match.index).replace(/\n$/, "") });
    parts.push({ fence: true, body: match[1].replace(/^\n/, "").replace(/\n$/, "") });
    from = match.index + match[0].length;
  }
  parts.push({ body: from ? text.slice(from).replace(/^\n/, "") : text });
  return parts.filter(({ fence, body }) => fence || body);
}

function quotes(text, options) {
  const nodes = [];
  const lines = text.split("\n");
  let open = []; // lines of the paragraph or quote being gathered
  let quoted = false;
  const close = () => {
    if (!open.length) return;
    const content = inline(open.join("\n"), options);
    nodes.push(quoted ? h("blockquote", null, content) : h("div.mrkdwn", null, content));
    open = [];
  };
  for (const [index, line] of lines.entries()) {
    const mark = /^(?:>>>|&gt;&gt;&gt;) ?/.exec(line);
    if (mark) {
      close();
      quoted = true;
      open = [line.slice(mark[0].length), ...lines.slice(index + 1)];
      break;
    }
    const single = /^(?:>|&gt;) ?/.exec(line);
    if (Boolean(single) !== quoted) close();
    quoted = Boolean(single);
    open.push(single ? line.slice(single[0].length) : line);
  }
  close();
  return nodes;
}

/** The inline level: code first, then tokens, then marks over what is left. */
function inline(text, options) {
  const nodes = [];
  let plainFrom = 0;
  for (const match of text.matchAll(/`([^`\n]+)`/g)) {
    nodes.push(match.index > plainFrom && text.slice(plainFrom, match.index));
    nodes.push(h("code", null, codeContent(match[1])));
    plainFrom = match.index + match[0].length;
  }
  nodes.push(text.slice(plainFrom));
  return marks(nodes.filter(Boolean), options);
}

const codeContent = (text) =>
  splitTokens(text).map((part) => (typeof part === "string" ? decodeEntities(part) : part));

const plainTokens = (text) =>
  splitTokens(text)
    .map((part) => (typeof part === "string" ? decodeEntities(part) : part.textContent))
    .join("");

function splitTokens(text) {
  const parts = [];
  let rest = text;
  for (let match = TOKEN.exec(rest); match; match = TOKEN.exec(rest)) {
    if (match.index) parts.push(rest.slice(0, match.index));
    parts.push(tokenNode(decodeEntities(match[1])));
    rest = rest.slice(match.index + match[0].length);
  }
  if (rest) parts.push(rest);
  return parts;
}

/**
 * Apply `*`, `_` and `~` over a run of strings and finished nodes.
 * Works on a flat list of pieces, so that a mark may enclose code or a mention.
 */
function marks(parts, options) {
  const onStrings = (split) => (part) => (typeof part === "string" ? split(part) : [part]);
  const whole = parts
    .flatMap(onStrings(splitTokens))
    .flatMap(onStrings(options.verbatim ? (text) => [text] : splitLinks));
  return build(whole.flatMap(onStrings(characters)));
}

// Addresses come out whole before any mark is looked for: they may hold underscores.
function splitLinks(text) {
  if (!text.includes("http")) return [text];
  const parts = [];
  let rest = text;
  for (let match = BARE_LINK.exec(rest); match; match = BARE_LINK.exec(rest)) {
    const address = match[0].replace(/[.,;:!?)\]}'"*_~]+$/, "");
    parts.push(rest.slice(0, match.index), link(decodeEntities(address)));
    rest = rest.slice(match.index + address.length);
  }
  parts.push(rest);
  return parts.filter(Boolean);
}

// Pieces are nodes, runs of plain text, and single mark characters, which may turn out to be plain.
const characters = (text) => text.split(/([*_~\n])/).filter(Boolean);

function build(pieces) {
  const nodes = [];
  const hopeless = new Set(); // marks without a closing one in the rest of this line
  let text = "";
  const flush = () => {
    if (text) nodes.push(withEmoji(decodeEntities(text)));
    text = "";
  };
  for (let index = 0; index < pieces.length; index += 1) {
    const piece = pieces[index];
    const mayOpen =
      MARKS[piece] && !hopeless.has(piece) && opens(pieces[index - 1], pieces[index + 1], piece);
    const end = mayOpen ? closing(pieces, index) : -1;
    if (mayOpen && end < 0) hopeless.add(piece);
    if (piece === "\n") hopeless.clear();
    if (end > 0) {
      flush();
      nodes.push(h(MARKS[piece], null, build(pieces.slice(index + 1, end))));
      index = end;
    } else if (typeof piece === "string") {
      text += piece;
    } else {
      flush();
      nodes.push(piece);
    }
  }
  flush();
  return nodes;
}

/** Where the mark at `start` is closed on the same line, or -1. */
function closing(pieces, start) {
  const mark = pieces[start];
  for (let index = start + 1; index < pieces.length; index += 1) {
    if (pieces[index] === "\n") return -1;
    if (pieces[index] === mark && closes(pieces[index - 1], pieces[index + 1], mark)) return index;
  }
  return -1;
}

const last = (piece) => (typeof piece === "string" ? piece.at(-1) : "");
const opens = (before, after, mark) =>
  after !== undefined &&
  !(typeof after === "string" && /^\s/.test(after)) &&
  before !== mark &&
  !(typeof before === "string" && (WORD.test(last(before)) || last(before) === "`"));

const closes = (before, after, mark) =>
  before !== mark &&
  !(typeof before === "string" && /\s$/.test(before)) &&
  after !== mark &&
  !(typeof after === "string" && WORD.test(after[0]));
