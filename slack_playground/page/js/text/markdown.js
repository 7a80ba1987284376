/*
 * The block level of standard Markdown, as Slack's `markdown` block shows it: headings, lists,
 * task lists, tables, fences, quotes, rules, paragraphs. HTML is text. Indented code is not code.
 * Works on lines and never looks back, so its cost grows with the text alone.
 */

import { h } from "/page/js/dom.js";
import { codeBlock } from "/page/js/text/code.js";
import { inlineMarkdown } from "/page/js/text/inline.js";

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})(?:\s+(.*?))?(?:\s+#+)?\s*$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])( +|$)(.*)$/;
const TABLE_RULE = /^ {0,3}\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;
const UNDERLINE = /^ {0,3}(={3,}|-{3,})\s*$/; // three, so that a growing list's "-" is no heading
const TASK = /^\[([ xX])\]\s+/;
const DEEPEST = 12; // levels of quotes and lists; deeper ones are shown as text

/** Nodes for a Markdown `text`. */
export const markdown = (text) =>
  blocks((text ?? "").replace(/\r\n?/g, "\n").replaceAll("\t", "    ").split("\n"), 0);

function blocks(lines, depth) {
  const nodes = [];
  let at = 0;
  while (at < lines.length) {
    if (!lines[at].trim()) {
      at += 1;
      continue;
    }
    const taken =
      fence(lines, at) ??
      heading(lines, at) ??
      rule(lines, at) ??
      nested(lines, at, depth) ??
      table(lines, at) ??
      paragraph(lines, at);
    nodes.push(taken.node);
    at = taken.next;
  }
  return nodes;
}

// An unterminated fence runs to the end: a message that is still growing looks as it will look.
function fence(lines, at) {
  const open = FENCE.exec(lines[at]);
  if (!open) return null;
  const [, ticks, info] = open;
  const close = new RegExp(`^ {0,3}${ticks[0]}{${ticks.length},}\\s*$`);
  let end = at + 1;
  while (end < lines.length && !close.test(lines[end])) end += 1;
  const indent = /^ */.exec(lines[at])[0].length;
  const body = lines
    .slice(at + 1, end)
    .map((line) => line.replace(new RegExp(`^ {0,${indent}}`), ""));
  return { node: codeBlock(body.join("\n"), info.trim().split(/\s+/)[0]), next: end + 1 };
}

function heading(lines, at) {
  const match = HEADING.exec(lines[at]);
  if (!match) return null;
  return { node: headingNode(match[1].length, match[2] ?? ""), next: at + 1 };
}

// The page's own headings are h1 to h3: a message's begin below them.
const headingNode = (level, text) =>
  h(
    "div",
    { class: `heading heading-${level}`, role: "heading", aria: { level: Math.min(level + 3, 9) } },
    inlineMarkdown(text),
  );

function rule(lines, at) {
  return RULE.test(lines[at]) ? { node: h("hr"), next: at + 1 } : null;
}

function nested(lines, at, depth) {
  if (depth >= DEEPEST) return null;
  return quote(lines, at, depth) ?? list(lines, at, depth);
}

function quote(lines, at, depth) {
  if (!QUOTE.test(lines[at])) return null;
  const body = [];
  let next = at;
  while (next < lines.length) {
    if (QUOTE.test(lines[next])) body.push(lines[next].replace(QUOTE, ""));
    else if (lines[next].trim() && body.at(-1)?.trim() && !startsBlock(lines[next]))
      body.push(lines[next]);
    else break;
    next += 1;
  }
  return { node: h("blockquote", null, blocks(body, depth + 1)), next };
}

function list(lines, at, depth) {
  const first = ITEM.exec(lines[at]);
  if (!first) return null;
  const ordered = /\d/.test(first[2]);
  const kind = first[2].at(-1);
  const items = [];
  let next = at;
  for (;;) {
    const start = next < lines.length ? ITEM.exec(lines[next]) : null;
    const same =
      start &&
      start[1].length <= first[1].length + 3 &&
      start[2].at(-1) === kind &&
      !RULE.test(lines[next]);
    if (!same) break;
    const item = takeItem(lines, next, start);
    items.push(item);
    next = item.next;
  }
  if (!items.length) return null;
  const loose = items.some((item) => item.loose);
  const start = ordered ? Number.parseInt(first[2], 10) : null;
  const props = { start: start === 1 ? null : start, class: loose ? "is-loose" : null };
  return {
    node: h(
      ordered ? "ol" : "ul",
      props,
      items.map((item) => itemNode(item, depth)),
    ),
    next,
  };
}

/** The lines of the item at `at`: all that is indented under it, and lazy lines of its paragraph. */
function takeItem(lines, at, [, indent, marker, space, rest]) {
  const wide = indent.length + marker.length + Math.min(space.length || 1, 4);
  const least = indent.length + 2; // models often indent less than the marker is wide
  const body = [rest];
  let next = at + 1;
  let blank = 0;
  let loose = false;
  let fenced = FENCE.test(rest);
  while (next < lines.length) {
    const line = lines[next];
    if (!line.trim()) {
      blank += 1;
      body.push("");
      next += 1;
      continue;
    }
    const inside = indentOf(line) >= Math.min(wide, least);
    const lazy = !blank && !fenced && !startsBlock(line) && !ITEM.test(line);
    if (!inside && !lazy) break;
    const text = line.slice(Math.min(indentOf(line), wide));
    if (FENCE.test(text)) fenced = !fenced;
    loose ||= blank > 0 && !fenced && !ITEM.test(text);
    blank = 0;
    body.push(text);
    next += 1;
  }
  loose ||= blank > 0 && next < lines.length && continues(lines[next], marker, indent.length);
  return { body, loose, next };
}

const indentOf = (line) => line.length - line.trimStart().length;
const continues = (line, marker, indent) => {
  const item = ITEM.exec(line);
  return Boolean(item) && item[2].at(-1) === marker.at(-1) && Math.abs(item[1].length - indent) < 2;
};

function itemNode({ body }, depth) {
  const task = TASK.exec(body[0]);
  const content = blocks(
    task ? [body[0].slice(task[0].length), ...body.slice(1)] : body,
    depth + 1,
  );
  if (!task) return h("li", null, content);
  const done = task[1] !== " ";
  const box = h("span.task-box", {
    class: done ? "is-done" : null,
    role: "img",
    aria: { label: done ? "Done" : "Open" },
  });
  return h("li.task", null, box, h("div", null, content));
}

function table(lines, at) {
  const rule = lines[at + 1];
  if (!rule || !lines[at].includes("|") || !rule.includes("-") || !TABLE_RULE.test(rule))
    return null;
  const head = cells(lines[at]);
  const aligns = cells(rule).map(alignment);
  if (head.length !== aligns.length) return null;
  let next = at + 2;
  const rows = [];
  while (next < lines.length && lines[next].trim() && !startsBlock(lines[next])) {
    const row = cells(lines[next]);
    rows.push(head.map((_, column) => row[column] ?? ""));
    next += 1;
  }
  const line = (texts, tag) =>
    h(
      "tr",
      null,
      texts.map((text, column) => h(tag, { class: aligns[column] }, inlineMarkdown(text))),
    );
  const node = h(
    "div.table-wrap",
    { tabindex: 0, role: "region", aria: { label: "Table" } },
    h(
      "table",
      null,
      h("thead", null, line(head, "th")),
      h(
        "tbody",
        null,
        rows.map((row) => line(row, "td")),
      ),
    ),
  );
  return { node, next };
}

const alignment = (cell) => {
  if (cell.startsWith(":") && cell.endsWith(":")) return "align-center";
  return cell.endsWith(":") ? "align-right" : null;
};

/** A row's cells. Pipes that are escaped or stand in code do not divide. */
function cells(line) {
  const found = [];
  let cell = "";
  let code = 0; // length of the open run of backticks
  const text = line.trim().replace(/^\|/, "");
  for (const part of text.split(/(\\\||`+|\|)/)) {
    if (part === "\\|") cell += "|";
    else if (part === "|" && !code) {
      found.push(cell.trim());
      cell = "";
    } else {
      if (/^`+$/.test(part)) code = nextCode(code, part.length, text);
      cell += part;
    }
  }
  if (cell.trim()) found.push(cell.trim());
  return found;
}

// A lone backtick opens no code, so it must not swallow the rest of the row.
const nextCode = (open, length, text) => {
  if (open) return open === length ? 0 : open;
  return text.split("`".repeat(length)).length > 2 ? length : 0;
};

function paragraph(lines, at) {
  const body = [lines[at].trimStart()];
  let next = at + 1;
  while (next < lines.length && lines[next].trim()) {
    const under = UNDERLINE.exec(lines[next]);
    if (under)
      return { node: headingNode(under[1][0] === "=" ? 1 : 2, body.join("\n")), next: next + 1 };
    if (startsBlock(lines[next]) || interrupts(lines[next]) || isTable(lines, next)) break;
    body.push(lines[next].trim());
    next += 1;
  }
  return { node: h("p", null, inlineMarkdown(body.join("\n").trimEnd())), next };
}

const startsBlock = (line) =>
  FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line);
const isTable = (lines, at) =>
  lines[at].includes("|") &&
  TABLE_RULE.test(lines[at + 1] ?? "") &&
  (lines[at + 1] ?? "").includes("|");

// A list may follow a paragraph without a blank line, but a lone "2024." at a line's start is prose.
const interrupts = (line) => {
  const item = ITEM.exec(line);
  return (
    Boolean(item) &&
    Boolean(item[4]) &&
    (/[-*+]/.test(item[2]) || Number.parseInt(item[2], 10) === 1)
  );
};
