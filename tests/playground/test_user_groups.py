"""User groups and addresses: read and changed by apps that ask for it, and by nobody else."""

from dataclasses import replace

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from slack_playground import Playground
from tests.playground.conftest import QUICK, Connect, Start, refusal, web_client
from tests.support import eventually

GROUP_SCOPES = ("usergroups:read", "usergroups:write", "users:read", "users:read.email")
MAYA, JONAS = "U01MAYACHEN", "U02JONASWEB"


@pytest.fixture
async def place(start: Start) -> Playground:
    return await start(replace(QUICK, scopes=GROUP_SCOPES))


@pytest.fixture
def groups(place: Playground) -> AsyncWebClient:
    return web_client(place)


async def test_a_group_of_the_workspace_is_listed_with_its_members(groups: AsyncWebClient) -> None:
    (group,) = (await groups.usergroups_list(include_users=True))["usergroups"]
    assert (group["handle"], group["users"], group["user_count"]) == ("platform", [MAYA, JONAS], 2)
    assert "users" not in (await groups.usergroups_list())["usergroups"][0]
    assert (await groups.usergroups_users_list(usergroup=group["id"]))["users"] == [MAYA, JONAS]
    assert await refusal(groups.usergroups_users_list(usergroup="S0")) == "no_such_subteam"


async def test_a_group_is_made_changed_filled_and_disabled(
    place: Playground, groups: AsyncWebClient, connect: Connect
) -> None:
    app = await connect(place)
    made = (await groups.usergroups_create(name="Ada", handle="ada"))["usergroup"]
    (event,) = await eventually(lambda: app.events("subteam_created"))
    assert event["subteam"]["handle"] == "ada"
    group = {"usergroup": made["id"]}
    await groups.usergroups_users_update(**group, users=[JONAS])
    assert (await groups.usergroups_users_list(**group))["users"] == [JONAS]
    changed = await groups.usergroups_update(**group, name="Ada L.", include_count=True)
    assert (changed["usergroup"]["name"], changed["usergroup"]["handle"]) == ("Ada L.", "ada")
    assert changed["usergroup"]["user_count"] == 1
    await groups.usergroups_disable(**group)
    assert made["id"] not in [g["id"] for g in (await groups.usergroups_list())["usergroups"]]
    everything = await groups.usergroups_list(include_disabled=True)
    assert made["id"] in [g["id"] for g in everything["usergroups"]]
    await groups.usergroups_enable(**group)
    assert len((await groups.usergroups_list())["usergroups"]) == 2


async def test_names_handles_members_and_channels_of_groups_are_checked(
    groups: AsyncWebClient,
) -> None:
    create = groups.usergroups_create
    assert await refusal(create(name="Platform team")) == "name_already_exists"
    assert await refusal(create(name="x", handle="platform")) == "handle_already_exists"
    assert await refusal(create(name="x", handle="two words")) == "bad_handle"
    assert await refusal(create(name="x", channels=["C0"])) == "invalid_channel_provided"
    group = {"usergroup": "S01PLATFORM"}
    assert await refusal(groups.usergroups_users_update(**group, users=["U0"])) == "invalid_users"
    assert await refusal(groups.usergroups_users_update(**group, users="")) == "invalid_arguments"
    assert await refusal(groups.usergroups_enable(**group)) == "already_enabled"


async def test_an_address_leads_to_its_active_member(
    place: Playground, groups: AsyncWebClient
) -> None:
    found = (await groups.users_lookupByEmail(email="Maya@playground.example"))["user"]
    assert (found["id"], found["profile"]["email"]) == (MAYA, "maya@playground.example")
    for nobody in ("who@playground.example", "sam@playground.example", ""):
        call = groups.users_lookupByEmail(email=nobody)
        assert await refusal(call) in {"users_not_found", "invalid_arguments"}
    place.happen("deactivate", "maya", "#general", user=MAYA)
    gone = groups.users_lookupByEmail(email="maya@playground.example")
    assert await refusal(gone) == "users_not_found"


async def test_groups_and_addresses_need_their_scopes(start: Start) -> None:
    place = await start(replace(QUICK, scopes=("users:read", "usergroups:read")))
    client = web_client(place)
    for call in (
        client.usergroups_create(name="x"),
        client.usergroups_users_update(usergroup="S01PLATFORM", users=[MAYA]),
        client.users_lookupByEmail(email="maya@playground.example"),
    ):
        assert await refusal(call) == "missing_scope"
    assert "email" not in (await client.users_info(user=MAYA))["user"]["profile"]
