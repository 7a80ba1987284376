/* Switches that make this Slack misbehave, each with its parameters, and the rate limits. */

import { setFault, setRateLimits } from "/page/js/commands.js";
import { h, refill } from "/page/js/dom.js";
import { on, state } from "/page/js/store.js";

const PARAM_NAMES = {
  code: "Error code",
  count: "How often",
  method: "Only method",
  status: "HTTP status",
};
const titled = (words) => words[0].toUpperCase() + words.slice(1);
const paramName = (name) =>
  PARAM_NAMES[name] ?? titled(name.replace(/_s$/, " (s)").replaceAll("_", " "));
const EMPTY_WORDS = { method: "any", count: "always", reason: "none" };

/** The panel of switches; it draws itself. */
export function createFaults() {
  const host = h("div.fault-list");
  const node = h(
    "aside.faults",
    { aria: { label: "Fault switches" } },
    h("h3", null, "Faults"),
    host,
  );
  let drawn = "";
  on("faults", () => {
    const signature = JSON.stringify([state.faults, state.rateLimits]);
    if (signature === drawn) return;
    drawn = signature;
    const groups = [...new Set(state.faults.map(({ group }) => group))];
    refill(
      host,
      groupNode("Limits", [limits()]),
      groups.map((name) => groupNode(name, of(name).map(faultNode))),
    );
  });
  return node;
}

const of = (group) => state.faults.filter((fault) => fault.group === group);

const groupNode = (name, faults) =>
  h("section.fault-group", { aria: { label: name } }, h("h4", null, name), faults);

const limits = () =>
  h(
    "div.fault",
    null,
    toggle({
      label: "Keep Slack’s rate limits",
      on: state.rateLimits,
      testid: "rate-limits",
      change: (wanted) => setRateLimits(wanted),
    }),
    h(
      "p.fault-help",
      null,
      "About one message a second in a channel, and a tier for each method.",
    ),
  );

function toggle({ label, on: isOn, testid, change }) {
  const flip = { click: () => change(!isOn) };
  return h(
    "button.switch",
    { type: "button", role: "switch", aria: { checked: isOn }, data: { testid }, on: flip },
    h("span.switch-track"),
    h("span", null, label),
  );
}

function faultNode(fault) {
  const inputs = Object.entries(fault.params ?? {}).map(([name, value]) =>
    param(fault, name, value),
  );
  const read = () => Object.fromEntries(inputs.map(({ name, read: value }) => [name, value()]));
  const change = (wanted) => setFault(fault.name, wanted, read());
  for (const { field } of inputs) field.addEventListener("change", () => fault.on && change(true));
  return h(
    "div.fault",
    { class: fault.on ? "is-on" : null },
    toggle({ label: fault.label, on: fault.on, testid: `fault-${fault.name}`, change }),
    h("p.fault-help", null, fault.help),
    inputs.length > 0 && options(fault, inputs),
  );
}

const options = (fault, inputs) =>
  h(
    "details.fault-options",
    { open: fault.on },
    h("summary", { data: { testid: `fault-${fault.name}-options` } }, "Options"),
    h(
      "div.fault-params",
      null,
      inputs.map(({ row }) => row),
    ),
  );

function param(fault, name, value) {
  if (fault.choices[name]) return choice(fault, name, value);
  const numeric = typeof value === "number" || name === "count" || name.endsWith("_s");
  const props = {
    type: numeric ? "number" : "text",
    value: value ?? "",
    placeholder: EMPTY_WORDS[name] ?? "",
    step: "any",
    min: 0,
  };
  const field = h("input.input", { ...props, data: { testid: `fault-${fault.name}-${name}` } });
  const read = () =>
    field.value === "" ? null : numeric ? Number(field.value) : field.value.trim();
  return { name, field, read, row: h("label", null, h("span", null, paramName(name)), field) };
}

function choice(fault, name, value) {
  const field = h(
    "select.input",
    { data: { testid: `fault-${fault.name}-${name}` } },
    fault.choices[name].map((one) => h("option", { selected: one === value }, one)),
  );
  const row = h("label", null, h("span", null, paramName(name)), field);
  return { name, field, read: () => field.value, row };
}
