"""Block Kit's rules: known types and fields, counts and lengths (PLATFORM §3.1).

`check_blocks` and `check_view` raise Slack's errors with a sentence and a JSON pointer for each
finding. The numbers here are the workspace's own and shared with nobody.
"""

from collections.abc import Callable, Iterator
from typing import Any

from slack_playground.block_fields import (
    BLOCK_FIELDS,
    CONFIRM_FIELDS,
    ELEMENT_FIELDS,
    FEEDBACK_FIELDS,
    OPTION_FIELDS,
    TEXT_FIELDS,
    VIEW_FIELDS,
)
from slack_playground.slack_types import ApiError, Json

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
MARKDOWN_TOTAL = 13_000
VIEW_BYTES = 250_000

Problems = Iterator[str]


def check_blocks(
    blocks: list[Json], *, where: str = "/blocks", refusal: str = "invalid_blocks"
) -> None:
    """Raise `refusal` or `msg_blocks_too_long` for a message Slack would refuse."""
    problems = list(_blocks(blocks, where, MESSAGE_BLOCKS, MESSAGE_TYPES))
    if problems:
        raise ApiError(refusal, details=problems)
    total = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
    if total > MARKDOWN_TOTAL:
        raise ApiError("msg_blocks_too_long")


def check_view(view: Json, kind: str) -> None:
    """Raise `invalid_arguments` or `view_too_large` for a modal or Home that Slack would refuse."""
    problems = list(_view(view, kind))
    if problems:
        raise ApiError("invalid_arguments", details=problems)
    if len(str(view).encode()) > VIEW_BYTES:
        raise ApiError("view_too_large")


def _problem(text: str, where: str) -> str:
    return f"[ERROR] {text} [json-pointer:{where}]"


def _no_others(owner: Json, known: frozenset[str] | None, where: str) -> Problems:
    if known is not None:
        for name in sorted(owner.keys() - known):
            yield _problem(f"invalid additional property: {name}", where)


def _length(value: object, limit: int, where: str, *, least: int = 0) -> Problems:
    if not isinstance(value, str):
        yield _problem("must be a string", where)
    elif len(value) > limit:
        yield _problem(f"must be less than {limit + 1} characters", where)
    elif len(value) < least:
        yield _problem(f"must be more than {least - 1} characters", where)


def _optional(owner: Json, name: str, limit: int, where: str) -> Problems:
    if owner.get(name) is not None:
        yield from _length(owner[name], limit, f"{where}/{name}")


def _text_object(
    value: object, limit: int, where: str, *, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")
) -> Problems:
    if not isinstance(value, dict):
        yield _problem("missing required field: text", where)
        return
    if value.get("type") not in kinds:
        yield _problem(f"must be one of: {', '.join(kinds)}", f"{where}/type")
    else:
        yield from _no_others(value, TEXT_FIELDS[value["type"]], where)
    yield from _length(value.get("text"), limit, f"{where}/text", least=1)


def _plain(value: object, limit: int, where: str) -> Problems:
    yield from _text_object(value, limit, where, kinds=("plain_text",))


def _items(value: object, least: int, most: int, where: str) -> tuple[list[Json], list[str]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return [], [_problem("must be an array of objects", where)]
    if len(value) > most:
        return value, [_problem(f"no more than {most} items allowed", where)]
    if len(value) < least:
        return value, [_problem(f"no fewer than {least} items allowed", where)]
    return value, []


def _view(view: Json, kind: str) -> Problems:
    if view.get("type") != kind:
        yield _problem(f"must be {kind}", "/view/type")
    yield from _no_others(view, VIEW_FIELDS[kind], "/view")
    if kind == "modal":
        yield from _plain(view.get("title"), 24, "/view/title")
        for name in ("submit", "close"):
            if view.get(name) is not None:
                yield from _plain(view[name], 24, f"/view/{name}")
    yield from _optional(view, "private_metadata", 3000, "/view")
    yield from _optional(view, "callback_id", 255, "/view")
    yield from _optional(view, "external_id", 255, "/view")
    blocks = view.get("blocks")
    yield from _blocks(blocks, "/view/blocks", VIEW_BLOCKS, VIEW_TYPES)
    has_input = isinstance(blocks, list) and any(
        isinstance(block, dict) and block.get("type") == "input" for block in blocks
    )
    if kind == "modal" and has_input and view.get("submit") is None:
        yield _problem("missing required field: submit", "/view")


def _blocks(value: object, where: str, limit: int, known: frozenset[str]) -> Problems:
    blocks, problems = _items(value, 0, limit, where)
    yield from problems
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        at = f"{where}/{index}"
        yield from _optional(block, "block_id", 255, at)
        block_id = str(block.get("block_id") or "")
        if block_id and block_id in seen:
            yield _problem(f"block_id {block_id} already exists", f"{at}/block_id")
        seen.add(block_id)
        kind = str(block.get("type"))
        if kind not in known:
            yield _problem(f"unsupported type: {kind}", f"{at}/type")
        else:
            yield from _no_others(block, BLOCK_FIELDS[kind], at)
            yield from _CHECKS.get(kind, _nothing)(block, at)
            yield from _action_ids(block, at)


def _action_ids(block: Json, where: str) -> Problems:
    seen: set[str] = set()
    for element in elements_of(block):
        action_id = str(element.get("action_id") or "")
        if action_id and action_id in seen:
            yield _problem(f"`action_id` {action_id} already exists", f"{where}/elements")
        seen.add(action_id)


def elements_of(block: Json) -> list[Json]:
    """The interactive elements of one block, including those of nested blocks."""
    found: list[Json] = []
    for name in ("elements", "actions"):
        found += [element for element in _objects(block.get(name)) if "action_id" in element]
    for name in ("accessory", "element"):
        if isinstance(block.get(name), dict):
            found.append(block[name])
    for child in _objects(block.get("child_blocks")):
        found += elements_of(child)
    return found


def _objects(value: object) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _nothing(block: Json, where: str) -> Problems:
    return iter(())


def _section(block: Json, where: str) -> Problems:
    if block.get("text") is None and not block.get("fields"):
        yield _problem("missing required field: text or fields", where)
    if block.get("text") is not None:
        yield from _text_object(block["text"], 3000, f"{where}/text")
    if block.get("fields") is not None:
        fields, problems = _items(block["fields"], 1, 10, f"{where}/fields")
        yield from problems
        for index, item in enumerate(fields):
            yield from _text_object(item, 2000, f"{where}/fields/{index}")
    if isinstance(block.get("accessory"), dict):
        yield from _element(block["accessory"], f"{where}/accessory")


def _header(block: Json, where: str) -> Problems:
    yield from _plain(block.get("text"), 150, f"{where}/text")


def _context(block: Json, where: str) -> Problems:
    elements, problems = _items(block.get("elements"), 1, 10, f"{where}/elements")
    yield from problems
    for index, element in enumerate(elements):
        at = f"{where}/elements/{index}"
        if element.get("type") == "image":
            yield from _element(element, at)
            yield from _image(element, at)
        else:
            yield from _text_object(element, 3000, at)


def _actions(block: Json, where: str) -> Problems:
    yield from _elements(block, where, 25)


def _context_actions(block: Json, where: str) -> Problems:
    yield from _elements(block, where, 5)


def _elements(block: Json, where: str, most: int) -> Problems:
    elements, problems = _items(block.get("elements"), 1, most, f"{where}/elements")
    yield from problems
    for index, element in enumerate(elements):
        yield from _element(element, f"{where}/elements/{index}")


def _input(block: Json, where: str) -> Problems:
    yield from _plain(block.get("label"), 2000, f"{where}/label")
    if block.get("hint") is not None:
        yield from _plain(block["hint"], 2000, f"{where}/hint")
    if not isinstance(block.get("element"), dict):
        yield _problem("missing required field: element", where)
    else:
        yield from _element(block["element"], f"{where}/element")


def _image(block: Json, where: str) -> Problems:
    if not block.get("image_url") and not block.get("slack_file"):
        yield _problem("missing required field: image_url", where)
    yield from _optional(block, "image_url", 3000, where)
    yield from _length(block.get("alt_text"), 2000, f"{where}/alt_text")
    if block.get("title") is not None:
        yield from _plain(block["title"], 2000, f"{where}/title")


def _markdown(block: Json, where: str) -> Problems:
    yield from _length(block.get("text"), MARKDOWN_TOTAL * 100, f"{where}/text", least=1)


def _table(block: Json, where: str) -> Problems:
    rows = block.get("rows")
    if not isinstance(rows, list) or not rows:
        yield _problem("missing required field: rows", where)
        return
    if len(rows) > 100:
        yield _problem("no more than 100 items allowed", f"{where}/rows")
    if any(not isinstance(row, list) or len(row) > 20 for row in rows):
        yield _problem("no more than 20 items allowed", f"{where}/rows/0")


def _task_card(block: Json, where: str) -> Problems:
    if block.get("status", "pending") not in ("pending", "in_progress", "complete", "error"):
        yield _problem("unsupported status", f"{where}/status")
    yield from _length(block.get("title"), 256, f"{where}/title", least=1)


def _container(block: Json, where: str) -> Problems:
    children, problems = _items(block.get("child_blocks"), 1, 10, f"{where}/child_blocks")
    yield from problems
    yield from _blocks(children, f"{where}/child_blocks", 10, MESSAGE_TYPES)


def _element(element: Json, where: str) -> Problems:
    kind = str(element.get("type"))
    if kind not in ELEMENT_FIELDS:
        yield _problem(f"unsupported type: {kind}", f"{where}/type")
        return
    yield from _no_others(element, ELEMENT_FIELDS[kind], where)
    yield from _optional(element, "action_id", 255, where)
    if element.get("placeholder") is not None:
        yield from _plain(element["placeholder"], 150, f"{where}/placeholder")
    if element.get("confirm") is not None:
        yield from _confirm(element["confirm"], f"{where}/confirm")
    if kind == "button":
        yield from _button(element, where)
    elif kind == "plain_text_input":
        yield from _text_input(element, where)
    elif kind == "feedback_buttons":
        for name in ("positive_button", "negative_button"):
            part = element.get(name)
            if not isinstance(part, dict):
                yield _problem(f"missing required field: {name}", where)
                continue
            yield from _no_others(part, FEEDBACK_FIELDS, f"{where}/{name}")
            yield from _plain(part.get("text"), 75, f"{where}/{name}/text")
    if "options" in element or (kind in NEED_OPTIONS and "option_groups" not in element):
        yield from _options(element, where)


def _button(element: Json, where: str) -> Problems:
    yield from _plain(element.get("text"), 75, f"{where}/text")
    yield from _optional(element, "value", 2000, where)
    yield from _optional(element, "url", 3000, where)
    yield from _optional(element, "accessibility_label", 75, where)
    yield from _optional(element, "agent_prompt", 4000, where)
    if element.get("style") not in (None, "primary", "danger"):
        yield _problem("must be one of: primary, danger", f"{where}/style")


def _text_input(element: Json, where: str) -> Problems:
    longest = element.get("max_length")
    if longest is not None and not (isinstance(longest, int) and 1 <= longest <= 3000):
        yield _problem("must be between 1 and 3000", f"{where}/max_length")
    yield from _optional(element, "initial_value", 3000, where)


def _options(element: Json, where: str) -> Problems:
    most = {"overflow": 5, "checkboxes": 10, "radio_buttons": 10}.get(element["type"], 100)
    options, problems = _items(element.get("options"), 1, most, f"{where}/options")
    yield from problems
    for index, option in enumerate(options):
        at = f"{where}/options/{index}"
        yield from _no_others(option, OPTION_FIELDS, at)
        yield from _text_object(option.get("text"), 75, f"{at}/text")
        yield from _length(option.get("value"), 150, f"{at}/value")


def _confirm(value: Any, where: str) -> Problems:
    if not isinstance(value, dict):
        yield _problem("must be an object", where)
        return
    yield from _no_others(value, CONFIRM_FIELDS, where)
    for name, limit in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
        if value.get(name) is not None:
            yield from _text_object(value[name], limit, f"{where}/{name}")


_CHECKS: dict[str, Callable[[Json, str], Problems]] = {
    "section": _section,
    "header": _header,
    "context": _context,
    "actions": _actions,
    "context_actions": _context_actions,
    "input": _input,
    "image": _image,
    "markdown": _markdown,
    "table": _table,
    "task_card": _task_card,
    "container": _container,
}
MESSAGE_TYPES = frozenset(BLOCK_FIELDS)
VIEW_TYPES = frozenset(
    {"section", "header", "context", "actions", "input", "image", "divider", "rich_text"}
    | {"video", "alert", "card", "carousel", "container", "table"}
)
NEED_OPTIONS = frozenset({"static_select", "overflow", "checkboxes", "radio_buttons"})
