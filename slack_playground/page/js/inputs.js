/*
 * Inputs of modals, and choosers wherever they stand.
 * A form is {fields: Map("block/action" -> field), before: values or null}: `before` are the values
 * of an earlier drawing of the same view, which Slack keeps where block_id and action_id are the same.
 */

import { h } from "/page/js/dom.js";
import { state, userName } from "/page/js/store.js";
import { plain, textObject } from "/page/js/text/mrkdwn.js";

let serial = 0;

/** An `input` block: label, control, hint and a place for its error. */
export function inputBlock(block, { form }) {
  const made = control(block.element, block, form, { required: block.optional !== true });
  if (!made)
    return h("p.unknown", null, `An input of type “${block.element?.type}” is not shown here.`);
  const id = `field-${(serial += 1)}`;
  const grouped = made.node.matches("fieldset");
  const label = [
    textObject(block.label),
    block.optional && h("span.optional", null, " (optional)"),
  ];
  const error = h("p.field-error", { id: `${id}-error`, hidden: true, role: "alert" });
  const hint = block.hint && h("p.field-hint", { id: `${id}-hint` }, textObject(block.hint));
  made.target.setAttribute("aria-describedby", `${id}-error${hint ? ` ${id}-hint` : ""}`);
  if (grouped) made.node.prepend(h("legend", null, label));
  else made.target.id = id;
  return h(
    "div.field",
    { data: { field: block.block_id } },
    !grouped && h("label", { for: id }, label),
    made.node,
    hint,
    error,
  );
}

/**
 * The control for an element: {node, target, read, detail}, or null if there is none of that type.
 * `read()` gives the element's part of `state.values`; `detail()` what a press reports.
 */
export function control(part, block, form, { required = false } = {}) {
  if (!part || !Object.hasOwn(CONTROLS, part.type)) return null;
  const before = form?.before?.[block.block_id]?.[part.action_id];
  const made = CONTROLS[part.type](part, before ?? {});
  const field = { ...made, target: made.target ?? made.node, part, block, required };
  field.read = () => ({ type: part.type, ...made.detail() });
  field.target.dataset.testid ??= `action-${part.action_id}`;
  form?.fields.set(`${block.block_id}/${part.action_id}`, field);
  return field;
}

const textInput = (type) => (part, before) => {
  const props = {
    type: part.multiline ? null : type,
    value: before.value ?? part.initial_value ?? "",
    placeholder: part.placeholder?.text,
    maxlength: part.max_length,
    autofocus: part.focus_on_load,
    rows: part.multiline ? 4 : null,
    min: part.min_value,
    max: part.max_value,
    step: type === "number" ? (part.is_decimal_allowed ? "any" : "1") : null,
  };
  const node = h(part.multiline ? "textarea.input" : "input.input", props);
  return {
    node,
    detail: () => ({ value: node.value || null }),
    filled: () => Boolean(node.value.trim()),
  };
};

const picker = (type, key, initial) => (part, before) => {
  const node = h("input.input", { type, value: before[key] ?? part[initial] ?? "" });
  return { node, detail: () => ({ [key]: node.value || null }), filled: () => Boolean(node.value) };
};

const CONTROLS = {
  plain_text_input: textInput("text"),
  number_input: textInput("number"),
  email_text_input: textInput("email"),
  url_text_input: textInput("url"),
  datepicker: picker("date", "selected_date", "initial_date"),
  timepicker: picker("time", "selected_time", "initial_time"),
  static_select: select,
  users_select: (part, before) => directory(part, before, "selected_user", userOptions()),
  conversations_select: (part, before) =>
    directory(part, before, "selected_conversation", channelOptions()),
  channels_select: (part, before) => directory(part, before, "selected_channel", channelOptions()),
  multi_static_select: (part, before) => many(part, before),
  checkboxes: (part, before) => many(part, before),
  radio_buttons: one,
};

const optionsOf = (part) =>
  part.options ?? (part.option_groups ?? []).flatMap((group) => group.options);

function select(part, before) {
  const chosen =
    before.selected_option !== undefined ? before.selected_option : part.initial_option;
  const option = ({ text, value }) =>
    h("option", { value, selected: value === chosen?.value }, plain(text.text));
  const groups = part.option_groups?.map((group) =>
    h("optgroup", { label: group.label.text }, group.options.map(option)),
  );
  const empty = h("option", { value: "", selected: !chosen }, part.placeholder?.text ?? "Choose…");
  const node = h("select.input", null, empty, groups ?? optionsOf(part).map(option));
  const picked = () => optionsOf(part).find(({ value }) => value === node.value) ?? null;
  return { node, detail: () => ({ selected_option: picked() }), filled: () => Boolean(node.value) };
}

function directory(part, before, key, entries) {
  const chosen = before[key] ?? part[key.replace("selected", "initial")] ?? "";
  const empty = h("option", { value: "" }, part.placeholder?.text ?? "Choose…");
  const options = entries.map(([value, name]) =>
    h("option", { value, selected: value === chosen }, name),
  );
  const node = h("select.input", null, empty, options);
  return { node, detail: () => ({ [key]: node.value || null }), filled: () => Boolean(node.value) };
}

const userOptions = () => [...state.users.keys()].map((id) => [id, userName(id)]);
const channelOptions = () =>
  [...state.channels.values()]
    .filter((channel) => !channel.is_im)
    .map((channel) => [channel.id, `#${channel.name}`]);

function many(part, before) {
  const chosen = before.selected_options ?? part.initial_options ?? [];
  const { node, picked } = choices("checkbox", part, (option) =>
    chosen.some(({ value }) => value === option.value),
  );
  const target = node.querySelector("input") ?? node;
  return {
    node,
    target,
    detail: () => ({ selected_options: picked() }),
    filled: () => picked().length > 0,
  };
}

function one(part, before) {
  const chosen =
    before.selected_option !== undefined ? before.selected_option : part.initial_option;
  const { node, picked } = choices("radio", part, (option) => option.value === chosen?.value);
  const target = node.querySelector("input") ?? node;
  return {
    node,
    target,
    detail: () => ({ selected_option: picked()[0] ?? null }),
    filled: () => picked().length > 0,
  };
}

/** A group of boxes or radios for a part's options; `picked()` gives the options that are on. */
export function choices(type, part, isOn) {
  const name = `choice-${(serial += 1)}`;
  const boxes = optionsOf(part).map((option) => {
    const box = h("input", { type, name, value: option.value, checked: Boolean(isOn(option)) });
    const description =
      option.description && h("span.option-description", null, textObject(option.description));
    return {
      box,
      option,
      row: h("label.choice", null, box, h("span", null, textObject(option.text), description)),
    };
  });
  const node = h(
    "fieldset.choices",
    null,
    boxes.map(({ row }) => row),
  );
  return { node, picked: () => boxes.filter(({ box }) => box.checked).map(({ option }) => option) };
}

/** The form's `state.values`, as Slack sends them. */
export function formValues(form) {
  const values = {};
  for (const field of form.fields.values()) {
    values[field.block.block_id] ??= {};
    values[field.block.block_id][field.part.action_id] = field.read();
  }
  return values;
}

/** What Slack refuses before it asks the app: {block_id: sentence}, empty when all is well. */
export function formErrors(form) {
  const errors = {};
  for (const { part, block, required, filled, target } of form.fields.values()) {
    const length = target.value?.length ?? 0;
    if (required && !filled()) errors[block.block_id] = "Please complete this required field.";
    else if (part.min_length && length && length < part.min_length) {
      errors[block.block_id] = `Please write at least ${part.min_length} characters.`;
    } else if (filled() && target.validity?.valid === false)
      errors[block.block_id] = target.validationMessage;
  }
  return errors;
}

/** Show `errors` under their fields of `root` and put the focus on the first one. */
export function showErrors(root, form, errors) {
  for (const place of root.querySelectorAll(".field-error")) place.hidden = true;
  for (const field of form.fields.values()) field.target.removeAttribute("aria-invalid");
  const wrong = [...form.fields.values()].filter(({ block }) => errors[block.block_id]);
  for (const { block, target } of wrong) {
    target.setAttribute("aria-invalid", "true");
    const place = target.closest(".field")?.querySelector(".field-error");
    if (place) Object.assign(place, { hidden: false, textContent: errors[block.block_id] });
  }
  wrong[0]?.target.focus();
}
