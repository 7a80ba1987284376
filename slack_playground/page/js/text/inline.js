/*
 * The inline level of standard Markdown: code, emphasis, strike, links, images, bare addresses,
 * escapes, and Slack's tokens, which Slack honours in Markdown too.
 * Emphasis follows CommonMark's delimiter runs, so its odd corners come out as everywhere else.
 */

import { h, link, safeHref } from "/page/js/dom.js";
import { withEmoji } from "/page/js/text/emoji.js";
import { TOKEN, decodeEntities, tokenNode } from "/page/js/text/tokens.js";

const ESCAPABLE = /[!-/:-@[-`{-~]/;
const PUNCTUATION = /[\p{P}\p{S}]/u;
const SPECIAL = /[\\`*_~[\]!<\n]|https?:\/\//g;
const MAX_LINK_TEXT = 1000; // an open bracket further back than this is just a bracket

/** Nodes for one run of Markdown text. */
export function inlineMarkdown(text) {
  const scan = { text, at: 0, pieces: [], brackets: [] };
  while (scan.at < text.length) step(scan);
  return toNodes(pairEmphasis(scan.pieces));
}

// Pieces: strings, nodes, and delimiter runs {mark, count, opens, closes}.
function step(scan) {
  SPECIAL.lastIndex = scan.at;
  const match = SPECIAL.exec(scan.text);
  const next = match ? match.index : scan.text.length;
  if (next > scan.at) {
    scan.pieces.push(decodeEntities(scan.text.slice(scan.at, next)));
    scan.at = next;
  }
  if (match) HANDLERS[match[0][0]](scan);
}

const HANDLERS = {
  "\\": escape,
  "`": codeSpan,
  "*": delimiter,
  _: delimiter,
  "~": delimiter,
  "[": openBracket,
  "]": closeBracket,
  "!": bang,
  "<": angle,
  "\n": lineBreak,
  h: bareLink,
};

function literal(scan, length = 1) {
  scan.pieces.push(scan.text.slice(scan.at, scan.at + length));
  scan.at += length;
}

function escape(scan) {
  const next = scan.text[scan.at + 1];
  if (next === "\n") return lineBreak(scan, 1);
  if (next === undefined || !ESCAPABLE.test(next)) return literal(scan);
  scan.pieces.push(h("span", null, next)); // a node, so that no later rule reads it as a mark
  scan.at += 2;
  return undefined;
}

function codeSpan(scan) {
  const { text, at } = scan;
  const ticks = /^`+/.exec(text.slice(at))[0];
  const end = findTicks(text, at + ticks.length, ticks.length);
  if (end < 0) return literal(scan, ticks.length);
  const inside = text.slice(at + ticks.length, end).replaceAll("\n", " ");
  const padded = inside.startsWith(" ") && inside.endsWith(" ") && inside.trim();
  scan.pieces.push(h("code", null, padded ? inside.slice(1, -1) : inside));
  scan.at = end + ticks.length;
  return undefined;
}

function findTicks(text, from, count) {
  const runs = /`+/g;
  runs.lastIndex = from;
  for (let match = runs.exec(text); match; match = runs.exec(text)) {
    if (match[0].length === count) return match.index;
  }
  return -1;
}

function delimiter(scan) {
  const { text, at } = scan;
  const mark = text[at];
  let end = at;
  while (text[end] === mark) end += 1;
  const flanks = flanking(text[at - 1] ?? " ", text[end] ?? " ");
  scan.at = end;
  const count = end - at;
  if (mark === "~" && count !== 2) return scan.pieces.push(text.slice(at, end));
  const inWord = mark === "_";
  const opens = flanks.left && (!inWord || !flanks.right || flanks.afterPunctuation);
  const closes = flanks.right && (!inWord || !flanks.left || flanks.beforePunctuation);
  return scan.pieces.push({ mark, count, length: count, opens, closes });
}

function flanking(before, after) {
  const space = (character) => /\s/u.test(character);
  const punctuation = (character) => PUNCTUATION.test(character);
  const left = !space(after) && (!punctuation(after) || space(before) || punctuation(before));
  const right = !space(before) && (!punctuation(before) || space(after) || punctuation(after));
  return {
    left,
    right,
    afterPunctuation: punctuation(before),
    beforePunctuation: punctuation(after),
  };
}

function openBracket(scan, { image = false } = {}) {
  scan.brackets.push({ piece: scan.pieces.length, at: scan.at, image });
  literal(scan, image ? 2 : 1);
}

function bang(scan) {
  if (scan.text[scan.at + 1] === "[") openBracket(scan, { image: true });
  else literal(scan);
}

function closeBracket(scan) {
  const bracket = scan.brackets.pop();
  const target =
    bracket && scan.at - bracket.at < MAX_LINK_TEXT && linkTarget(scan.text, scan.at + 1);
  if (!target) return literal(scan);
  const label = toNodes(pairEmphasis(scan.pieces.splice(bracket.piece).slice(1)));
  scan.pieces.push(bracket.image ? imageLink(target.address, label) : link(target.address, label));
  if (!bracket.image) scan.brackets.length = 0; // links do not nest
  scan.at = target.end;
  return undefined;
}

/** The `(address "title")` that follows a closing bracket, or null. */
function linkTarget(text, at) {
  if (text[at] !== "(") return null;
  const rest = text.slice(at, at + 4000);
  const match =
    /^\(\s*<([^<>\n]*)>(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/.exec(rest) ??
    /^\(\s*((?:[^\s()\\]|\\.|\([^\s()]*\))*)(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/.exec(rest);
  if (!match) return null;
  return {
    address: decodeEntities(match[1].replace(/\\([!-/:-@[-`{-~])/g, "$1")),
    end: at + match[0].length,
  };
}

// Slack shows a Markdown image as a link with its alternative text.
const imageLink = (address, label) => link(address, label.length ? label : address);

function angle(scan) {
  const rest = scan.text.slice(scan.at, scan.at + 2100);
  const token = TOKEN.exec(rest);
  if (token?.index === 0) {
    scan.pieces.push(tokenNode(decodeEntities(token[1])));
    scan.at += token[0].length;
    return undefined;
  }
  const mail = /^<([\w.+-]+@[\w-]+(?:\.[\w-]+)+)>/.exec(rest);
  if (!mail) return literal(scan);
  scan.pieces.push(link(`mailto:${mail[1]}`, mail[1]));
  scan.at += mail[0].length;
  return undefined;
}

// Slack keeps every line break of a paragraph, so two spaces or a backslash make no difference.
function lineBreak(scan, skip = 0) {
  const before = scan.pieces.at(-1);
  if (typeof before === "string") scan.pieces[scan.pieces.length - 1] = before.replace(/ +$/, "");
  scan.pieces.push(h("br"));
  scan.at += 1 + skip;
  while (scan.text[scan.at] === " ") scan.at += 1;
}

function bareLink(scan) {
  const address = trimAddress(
    /^https?:\/\/[^\s<>`]*/.exec(scan.text.slice(scan.at, scan.at + 2100))[0],
  );
  const before = scan.text[scan.at - 1] ?? " ";
  const insideLabel =
    scan.brackets.length > 0 && /\]\(/.test(scan.text.slice(scan.at, scan.at + MAX_LINK_TEXT));
  if (/[\p{L}\p{N}]/u.test(before) || insideLabel || !safeHref(address)) return literal(scan, 4);
  scan.pieces.push(link(address));
  scan.at += address.length;
  return undefined;
}

// Punctuation at the end belongs to the sentence; so does a bracket that was not opened inside.
function trimAddress(address) {
  let shown = address.replace(/[.,;:!?'"*_~]+$/, "");
  while (shown.endsWith(")") && shown.split(")").length > shown.split("(").length) {
    shown = shown.slice(0, -1).replace(/[.,;:!?'"*_~]+$/, "");
  }
  return shown.replace(/\]+$/, "");
}

/** Replace matched delimiter runs by start and end pieces {tag, start}; CommonMark's procedure. */
function pairEmphasis(pieces) {
  const runs = pieces.map((piece, index) => ({ piece, index })).filter(({ piece }) => piece.mark);
  const spans = []; // {from, to, tag}: pieces strictly between the two runs
  const floor = new Map(); // no opener of this kind below this position
  for (let at = 0; at < runs.length; at += 1) {
    const closer = runs[at].piece;
    while (closer.closes && closer.count > 0) {
      const kind = `${closer.mark}${closer.opens}${closer.length % 3}`;
      const found = findOpener(runs, at, floor.get(kind) ?? 0);
      if (found < 0) {
        floor.set(kind, at);
        break;
      }
      const opener = runs[found].piece;
      const width = opener.count >= 2 && closer.count >= 2 ? 2 : 1;
      const tag = closer.mark === "~" ? "s" : width === 2 ? "strong" : "em";
      spans.push({ from: runs[found].index, to: runs[at].index, tag });
      opener.count -= width;
      closer.count -= width;
      for (const { piece } of runs.slice(found + 1, at)) piece.opens = piece.closes = false;
    }
  }
  return spans.length ? wrap(pieces, spans) : pieces;
}

function findOpener(runs, at, lowest) {
  const closer = runs[at].piece;
  for (let index = at - 1; index >= lowest; index -= 1) {
    const opener = runs[index].piece;
    if (opener.mark !== closer.mark || !opener.opens || opener.count === 0) continue;
    const either = opener.closes || closer.opens;
    const odd = either && (opener.length + closer.length) % 3 === 0 && opener.length % 3 !== 0;
    if (!odd) return index;
  }
  return -1;
}

/** Put start and end pieces into the list: ends before, starts after what is left of their runs. */
function wrap(pieces, spans) {
  const starts = new Map();
  const ends = new Map();
  for (const span of spans) {
    starts.set(span.from, [{ tag: span.tag, start: true }, ...(starts.get(span.from) ?? [])]);
    ends.set(span.to, [...(ends.get(span.to) ?? []), { tag: span.tag }]);
  }
  return pieces.flatMap((piece, index) => [
    ...(ends.get(index) ?? []),
    piece,
    ...(starts.get(index) ?? []),
  ]);
}

function toNodes(pieces) {
  const stack = [{ tag: null, children: [] }];
  let text = "";
  const flush = () => {
    if (text) stack.at(-1).children.push(withEmoji(text));
    text = "";
  };
  for (const piece of pieces) {
    if (typeof piece === "string") text += piece;
    else if (piece.mark) text += piece.mark.repeat(piece.count);
    else {
      flush();
      if (piece.start) stack.push({ tag: piece.tag, children: [] });
      else if (piece.tag) closeTop(stack);
      else stack.at(-1).children.push(piece);
    }
  }
  flush();
  while (stack.length > 1) closeTop(stack);
  return stack[0].children;
}

function closeTop(stack) {
  if (stack.length < 2) return;
  const { tag, children } = stack.pop();
  stack.at(-1).children.push(h(tag, null, children));
}
