"""Modals and the Home tab: a stack of views per person."""

import secrets

from slack_playground.blocks import check_view
from slack_playground.page_sockets import PageSockets
from slack_playground.seed_data import APP_ID, BOT_ID, TEAM_ID
from slack_playground.slack_types import ApiError, Json, epoch_s, new_id

STACK_LIMIT = 3


class ViewStore:
    """What each person has open."""

    def __init__(self, live: PageSockets) -> None:
        self._live = live
        self._stacks: dict[str, list[Json]] = {}
        self.homes: dict[str, Json] = {}

    def stack(self, user: str) -> list[Json]:
        """A person's open modals, the visible one last."""
        return self._stacks.setdefault(user, [])

    def find(self, user: str, view_id: str) -> Json:
        """One open modal or the Home of `user`, or raise `not_found`."""
        views = [*self.stack(user), *([self.homes[user]] if user in self.homes else [])]
        for view in views:
            if view["id"] == view_id:
                return view
        raise ApiError("not_found")

    def open(self, user: str, source: Json) -> Json:
        """Open a modal; one that is already open is replaced."""
        view = self._build(source, "modal")
        view["root_view_id"] = view["id"]
        self._stacks[user] = [view]
        self._tell(user, "open", view)
        return view

    def push(self, user: str, source: Json) -> Json:
        """Put a modal on top; raises `push_limit_reached` beyond three."""
        stack = self.stack(user)
        if not stack:
            raise ApiError("not_found")
        if len(stack) >= STACK_LIMIT:
            raise ApiError("push_limit_reached")
        view = self._build(source, "modal")
        view["root_view_id"] = stack[0]["id"]
        view["previous_view_id"] = stack[-1]["id"]
        stack.append(view)
        self._tell(user, "push", view)
        return view

    def update(self, source: Json, *, view_id: str, external_id: str, hash_: str) -> Json:
        """Replace a view by id or external id; raises `not_found` or `hash_conflict`."""
        user, old = self._locate(view_id, external_id)
        if hash_ and hash_ != old["hash"]:
            raise ApiError("hash_conflict", view=old)
        return self._replace(user, old, source)

    def publish(self, user: str, source: Json, *, hash_: str) -> Json:
        """Set a person's Home tab; raises `hash_conflict`."""
        old = self.homes.get(user)
        if hash_ and old is not None and hash_ != old["hash"]:
            raise ApiError("hash_conflict", view=old)
        view = self._build(source, "home")
        view["root_view_id"] = view["id"] = old["id"] if old else view["id"]
        self.homes[user] = view
        self._live.to_user(user, {"type": "home", "view": view})
        return view

    def close(self, user: str, view: Json, *, clear: bool = False) -> None:
        """Take a modal (and what lies on it) away; with `clear` all of them."""
        stack = self.stack(user)
        index = 0 if clear else stack.index(view)
        closed = stack[index:]
        del stack[index:]
        for item in reversed(closed):
            self._tell(user, "close", item)

    def obey(self, user: str, view: Json, answer: Json) -> Json:
        """Do what the app's answer to a submission says; the page's result."""
        action = answer.get("response_action")
        if action == "errors":
            return {"ok": True, "response_action": "errors", "errors": answer.get("errors", {})}
        if action == "update":
            shown = self._replace(user, view, answer.get("view") or {})
            return {"ok": True, "response_action": "update", "view": shown}
        if action == "push":
            return {
                "ok": True,
                "response_action": "push",
                "view": self.push(user, answer.get("view") or {}),
            }
        if view in self.stack(user):
            self.close(user, view, clear=action == "clear")
        return {"ok": True, "response_action": action or "close"}

    def _replace(self, user: str, old: Json, source: Json) -> Json:
        view = self._build(source, old["type"])
        for key in ("id", "root_view_id", "previous_view_id"):
            view[key] = old[key]
        if old["type"] == "home":
            self.homes[user] = view
            self._live.to_user(user, {"type": "home", "view": view})
            return view
        stack = self.stack(user)
        stack[stack.index(old)] = view
        self._tell(user, "update", view)
        return view

    def _locate(self, view_id: str, external_id: str) -> tuple[str, Json]:
        owners = {**self._stacks, **{u: [*self.stack(u), h] for u, h in self.homes.items()}}
        for user, views in owners.items():
            for view in views:
                if view["id"] == view_id or (external_id and view["external_id"] == external_id):
                    return user, view
        raise ApiError("not_found")

    def _build(self, source: Json, kind: str) -> Json:
        check_view(source, kind)
        external_id = source.get("external_id", "")
        return {
            "id": new_id("V"),
            "team_id": TEAM_ID,
            "type": kind,
            "title": source.get("title"),
            "submit": source.get("submit"),
            "close": source.get("close"),
            "blocks": _with_block_ids(source["blocks"]),
            "private_metadata": source.get("private_metadata", ""),
            "callback_id": source.get("callback_id", ""),
            "external_id": external_id,
            "state": {"values": {}},
            "hash": f"{epoch_s()}.{secrets.token_hex(4)}",
            "clear_on_close": bool(source.get("clear_on_close")),
            "notify_on_close": bool(source.get("notify_on_close")),
            "submit_disabled": bool(source.get("submit_disabled")),
            "root_view_id": None,
            "previous_view_id": None,
            "app_id": APP_ID,
            "app_installed_team_id": TEAM_ID,
            "bot_id": BOT_ID,
        }

    def _tell(self, user: str, operation: str, view: Json) -> None:
        self._live.to_user(user, {"type": "view", "op": operation, "view": view})


def _with_block_ids(blocks: list[Json]) -> list[Json]:
    return [{**block, "block_id": block.get("block_id") or new_id("b")} for block in blocks]
