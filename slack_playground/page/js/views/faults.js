/* Switches that make this Slack misbehave, each with its parameters, and the rate limits. */

import { setFault, setRateLimits } from "/page/js/commands.js";
import { h, refill } from "/page/js/dom.js";
import { on, state } from "/page/js/store.js";

const PARAM_NAMES = { abort: "Without goodbye", count: "How often", method: "Only method" };
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
    h("h3", null, "Make trouble"),
    host,
  );
  let drawn = "";
  on("faults", () => {
    const signature = JSON.stringify([state.faults, state.rateLimits]);
    if (signature === drawn) return;
    drawn = signature;
    refill(host, limits(), state.faults.map(faultNode));
  });
  return node;
}

const limits = () =>
  h(
    "div.fault",
    null,
    toggle({
      label: "Slack’s rate limits",
      on: state.rateLimits,
      testid: "rate-limits",
      change: (wanted) => setRateLimits(wanted),
    }),
    h(
      "p.fault-help",
      null,
      "Answer 429 as Slack would: about one message a second in a channel, and a tier for each method.",
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
    inputs.length > 0 &&
      h(
        "div.fault-params",
        null,
        inputs.map(({ row }) => row),
      ),
  );
}

function param(fault, name, value) {
  if (typeof value === "boolean") return flag(fault, name, value);
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

function flag(fault, name, value) {
  const field = h("input", {
    type: "checkbox",
    checked: value,
    data: { testid: `fault-${fault.name}-${name}` },
  });
  return {
    name,
    field,
    read: () => field.checked,
    row: h("label.is-check", null, field, h("span", null, paramName(name))),
  };
}
