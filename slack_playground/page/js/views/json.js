/* JSON for reading: indented, with its kinds of values told apart by colour. */

import { h } from "/page/js/dom.js";

const PART = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const MOST = 20_000;

/** A `pre` with `value`; what is longer than 20,000 characters is cut, and says so. */
export function jsonNode(value) {
  const whole = JSON.stringify(value, null, 2) ?? "";
  const text =
    whole.length > MOST
      ? `${whole.slice(0, MOST)}\n… ${whole.length - MOST} more characters`
      : whole;
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(PART)) {
    nodes.push(text.slice(from, match.index));
    nodes.push(h("span", { class: kindOf(match) }, match[1] ?? match[0]), match[2] ?? "");
    from = match.index + match[0].length;
  }
  return h("pre.json", { tabindex: 0 }, ...nodes, text.slice(from));
}

const kindOf = ([, string, colon]) =>
  string ? (colon ? "json-key" : "json-string") : "json-other";
