"""User groups: names such as `@platform` that stand for several people."""

from dataclasses import dataclass, field

from slack_playground.seed_data import BOT_USER_ID, USER_GROUPS
from slack_playground.slack_types import ApiError, epoch_s, new_id


@dataclass(slots=True, kw_only=True)
class UserGroup:
    """One group; `deleted` is when it was disabled (Unix seconds), 0 while it is enabled."""

    id: str
    name: str
    handle: str
    description: str = ""
    users: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    author: str = BOT_USER_ID
    created: int = field(default_factory=epoch_s)
    updated: int = field(default_factory=epoch_s)
    deleted: int = 0


class UserGroups:
    """Every user group of the workspace."""

    def __init__(self) -> None:
        self.by_id: dict[str, UserGroup] = {}
        for seed in USER_GROUPS:
            group = UserGroup(
                id=seed.id,
                name=seed.name,
                handle=seed.handle,
                users=list(seed.users),
                author=seed.users[0],
            )
            self.by_id[seed.id] = group

    def get(self, group_id: str) -> UserGroup:
        """The group, or raise `no_such_subteam`."""
        try:
            return self.by_id[group_id]
        except KeyError:
            raise ApiError("no_such_subteam") from None

    def check_free(self, name: str, handle: str, *, but: UserGroup | None = None) -> None:
        """Raise `name_already_exists` or `handle_already_exists` where another group has it."""
        others = [group for group in self.by_id.values() if group is not but]
        if any(group.name == name for group in others):
            raise ApiError("name_already_exists")
        if handle and any(group.handle == handle for group in others):
            raise ApiError("handle_already_exists")

    def create(self, name: str, handle: str, description: str, channels: list[str]) -> UserGroup:
        """A new group of nobody."""
        self.check_free(name, handle)
        group = UserGroup(
            id=new_id("S"), name=name, handle=handle, description=description, channels=channels
        )
        self.by_id[group.id] = group
        return group
