/* What passes between the app and this Slack: calls, events and presses, newest last. */

import { clearInspector } from "/page/js/commands.js";
import { h, refill } from "/page/js/dom.js";
import { icon } from "/page/js/icons.js";
import { on, state } from "/page/js/store.js";
import { preciseTime } from "/page/js/time.js";
import { createFaults } from "/page/js/views/faults.js";
import { jsonNode } from "/page/js/views/json.js";

const FILTERS = [
  ["all", "All", () => true],
  ["calls", "Calls", ({ kind }) => ["call", "upload", "response_url"].includes(kind)],
  ["events", "Events", ({ kind }) => ["event", "interactive", "socket"].includes(kind)],
  ["errors", "Errors", (entry) => isBad(entry)],
];
const MOST_ROWS = 300;
const isBad = ({ ok, status, error, fault }) =>
  ok === false || status >= 400 || Boolean(error) || Boolean(fault);

/** The drawer; `close` leaves it. */
export function createInspector({ close }) {
  const rows = h("tbody");
  const empty = h(
    "p.inspector-empty",
    null,
    "Nothing yet. Calls and events appear here as they happen.",
  );
  const columns = ["Time", "Kind", "Method or event", "Status", "ms", "Summary"];
  const head = h(
    "thead",
    null,
    h(
      "tr",
      null,
      columns.map((name) => h("th", { scope: "col" }, name)),
    ),
  );
  const log = h(
    "div.inspector-log",
    { tabindex: 0, role: "region", aria: { label: "Log" } },
    h("table", null, head, rows),
    empty,
  );
  const tools = h("div.inspector-tools");
  const faults = createFaults();
  const node = h(
    "section.inspector",
    { hidden: true, aria: { label: "Inspector" }, data: { testid: "inspector" } },
    tools,
    h("div.inspector-body", null, log, faults),
  );
  const view = {
    node,
    rows,
    empty,
    log,
    tools,
    close,
    filter: "all",
    paused: null,
    shown: new Map(),
    unfolded: new Set(),
  };
  on(["inspector", "faults"], () => draw(view));
  return {
    node,
    toggle: (opened) => {
      node.hidden = !opened;
      draw(view);
      if (opened) log.scrollTop = log.scrollHeight;
    },
  };
}

function draw(view) {
  if (view.node.hidden) return;
  drawTools(view);
  const [, , wanted] = FILTERS.find(([name]) => name === view.filter);
  const entries = (view.paused ?? state.entries).filter(wanted).slice(-MOST_ROWS);
  const { log } = view;
  const pinned = log.scrollHeight - log.scrollTop - log.clientHeight < 24;
  const shown = new Map(entries.map((entry) => [entry.id, rowsFor(view, entry)]));
  view.shown = shown;
  reconcile(
    view.rows,
    [...shown.values()].flatMap(({ nodes }) => nodes),
  );
  view.empty.hidden = entries.length > 0;
  if (pinned) log.scrollTop = log.scrollHeight;
}

function reconcile(host, wanted) {
  const keep = new Set(wanted);
  for (const child of [...host.children]) if (!keep.has(child)) child.remove();
  let at = host.firstChild;
  for (const node of wanted) {
    if (node === at) at = at.nextSibling;
    else host.insertBefore(node, at);
  }
}

function rowsFor(view, entry) {
  const known = view.shown.get(entry.id);
  const open = view.unfolded.has(entry.id);
  if (known?.entry === entry && known.open === open) return known;
  const flip = () => {
    if (open) view.unfolded.delete(entry.id);
    else view.unfolded.add(entry.id);
    draw(view);
    view.rows.querySelector(`[data-entry="${entry.id}"]`)?.focus();
  };
  const nodes = [entryRow(entry, open, flip), open && detailRow(entry)].filter(Boolean);
  return { entry, open, nodes };
}

function entryRow(entry, open, flip) {
  const props = {
    type: "button",
    aria: { expanded: open },
    data: { entry: entry.id },
    on: { click: flip },
  };
  const name = h("button.entry-name", props, icon("chevron", 14), entry.name);
  const words = entry.error
    ? `${entry.error}${entry.summary ? ` · ${entry.summary}` : ""}`
    : entry.summary;
  const took = Number.isFinite(entry.ms) ? entry.ms.toFixed(entry.ms < 10 ? 1 : 0) : "";
  return h(
    "tr",
    {
      class: [toneOf(entry), open && "is-open"].filter(Boolean).join(" "),
      data: { testid: "entry", kind: entry.kind, name: entry.name },
      on: { click: (event) => event.target.closest("button") || flip() },
    },
    h("td.mono", null, preciseTime(entry.at)),
    h("td", null, h("span.kind", { class: `is-${entry.kind}` }, KINDS[entry.kind] ?? entry.kind)),
    h("td.mono", null, name),
    h("td", null, statusNode(entry)),
    h("td.mono.ms", null, took),
    h("td.words", { title: words || null }, words ?? ""),
  );
}

const KINDS = {
  call: "call",
  event: "event",
  interactive: "click",
  socket: "socket",
  response_url: "response",
  upload: "upload",
};

function toneOf(entry) {
  if (entry.status === 429) return "is-limited";
  return isBad(entry) ? "is-bad" : "";
}

function statusNode({ status, ok, fault, retry }) {
  const words =
    status === 429
      ? "429 limited"
      : ok === false
        ? `${status ?? ""} failed`.trim()
        : (status ?? (ok ? "ok" : "–"));
  const again = retry ? h("span.retry", { title: "Delivered again" }, `retry ${retry}`) : null;
  return [
    h("span.status", null, String(words)),
    again,
    fault && h("span.fault-mark", { title: `Made by the fault switch “${fault}”` }, fault),
  ]
    .filter(Boolean)
    .map((one) => h("span", null, one));
}

function detailRow({ request, response }) {
  const part = (label, value) =>
    value !== null &&
    value !== undefined &&
    h("div.json-part", null, h("h4", null, label), jsonNode(value));
  return h(
    "tr.detail",
    null,
    h(
      "td",
      { colspan: 6 },
      h("div.json-parts", null, part("Request", request), part("Response", response)),
    ),
  );
}

function drawTools(view) {
  const counted = state.sockets === null ? null : state.sockets;
  const sockets = h(
    "span.sockets",
    { class: counted ? "is-on" : "is-off", data: { testid: "sockets" } },
    h("span.session-dot"),
    counted === 1 ? "1 socket connected" : `${counted ?? 0} sockets connected`,
  );
  const signature = JSON.stringify([view.filter, Boolean(view.paused), counted]);
  if (view.tools.dataset.signature === signature) return;
  view.tools.dataset.signature = signature;
  const close = h(
    "button.icon-button",
    {
      type: "button",
      aria: { label: "Close inspector" },
      data: { testid: "inspector-close" },
      on: { click: view.close },
    },
    icon("close"),
  );
  refill(
    view.tools,
    h("h2.pane-title", null, "Inspector"),
    sockets,
    filterButtons(view),
    pauseButton(view),
    clearButton(view),
    close,
  );
}

const filterButtons = (view) =>
  h(
    "div.filters",
    { role: "group", aria: { label: "Filter" } },
    FILTERS.map(([name, label]) => {
      const choose = () => {
        view.filter = name;
        draw(view);
      };
      return h(
        "button.filter",
        {
          type: "button",
          aria: { pressed: view.filter === name },
          data: { testid: `filter-${name}` },
          on: { click: choose },
        },
        label,
      );
    }),
  );

function pauseButton(view) {
  const flip = () => {
    view.paused = view.paused ? null : [...state.entries];
    draw(view);
  };
  const label = view.paused ? "Go on" : "Pause";
  return h(
    "button.button.is-small",
    { type: "button", data: { testid: "inspector-pause" }, on: { click: flip } },
    icon(view.paused ? "play" : "pause", 16),
    label,
  );
}

function clearButton(view) {
  const clear = () => {
    view.paused = null;
    clearInspector();
  };
  return h(
    "button.button.is-small",
    { type: "button", data: { testid: "inspector-clear" }, on: { click: clear } },
    icon("trash", 16),
    "Clear",
  );
}
