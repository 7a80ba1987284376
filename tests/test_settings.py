"""The configuration contract: file, environment, secrets; every mistake in one sentence."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from bridge.domain.errors import ConfigurationError
from bridge.domain.teammates import PermissionMode
from bridge.settings import Settings, child_environment, load

TOKENS = {"SLACK_BOT_TOKEN": "xoxb-1-secret", "SLACK_APP_TOKEN": "xapp-1-secret"}
ADA = '[[teammates]]\nname = "ada"\nmodel = "some/model"\n'


def loaded(tmp_path: Path, text: str = ADA, **environ: str) -> Settings:
    path = tmp_path / "bridge.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, environ={**TOKENS, **environ})


def problems(
    tmp_path: Path, text: str = ADA, environ: Mapping[str, str] | None = None, **more: str
) -> list[str]:
    path = tmp_path / "bridge.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load(path, environ={**(TOKENS if environ is None else environ), **more})
    return str(caught.value).splitlines()


def test_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    assert settings.slack.api_url == "https://slack.com/api/"
    assert settings.slack.mode == "socket"
    assert settings.appserver.managed
    assert settings.database.url == "sqlite+aiosqlite:///bridge.db"
    assert (settings.web.host, settings.web.port) == ("127.0.0.1", 8080)
    assert settings.approvals.expiry_s == 900
    assert settings.turns.time_limit_s == 3600
    assert not settings.people.allow_outsiders


def test_everything_can_come_from_the_environment_alone() -> None:
    team = json.dumps([{"name": "ada", "model": "some/model"}])
    environ = {
        **TOKENS,
        "BRIDGE_TEAMMATES": team,
        "BRIDGE_SLACK__BASE_URL": "http://127.0.0.1:9/api",
        "BRIDGE_APPSERVER__URL": "ws://127.0.0.1:4500/ws",
        "BRIDGE_APPROVALS__APPROVERS": "U1, W2",
        "BRIDGE_WEB__PORT": "0",
        "BRIDGE_PEOPLE__ALLOW_OUTSIDERS": "true",
    }
    settings = load(None, environ=environ)
    assert [teammate.name for teammate in settings.team()] == ["ada"]
    assert settings.slack.api_url == "http://127.0.0.1:9/api/"
    assert settings.appserver.url == "ws://127.0.0.1:4500/ws"
    assert settings.approvals.approvers == ("U1", "W2")
    assert settings.web.port == 0
    assert settings.people.allow_outsiders


def test_the_environment_goes_before_the_file_key_by_key(tmp_path: Path) -> None:
    text = '[web]\nhost = "0.0.0.0"\nport = 1234\n' + ADA
    web = loaded(tmp_path, text, BRIDGE_WEB__PORT="99").web
    assert (web.host, web.port) == ("0.0.0.0", 99)


def test_an_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    assert loaded(tmp_path, BRIDGE_APPSERVER__URL="").appserver.url is None


def test_a_teammate_becomes_the_domains(tmp_path: Path) -> None:
    text = f"""
[[teammates]]
name = "grace"
agent_id = "agent-1"

[[teammates]]
name = "ada"
role = "backend engineer"
model = "some/model"
cwd = "{tmp_path}"
permission_mode = "acceptEdits"
channels = ["C0123"]
aliases = ["al", "countess"]
user_group = "S0123"
icon_emoji = ":owl:"
default = true
"""
    ada, grace = loaded(tmp_path, text).team()
    assert ada.name == "ada"
    assert ada.cwd == str(tmp_path)
    assert ada.permission_mode is PermissionMode.ACCEPT_EDITS
    assert ada.channels == ("C0123",)
    assert ada.aliases == ("al", "countess")
    assert grace.agent_id == "agent-1"


def test_the_first_teammate_is_the_default_unless_another_says_so(tmp_path: Path) -> None:
    bob = '[[teammates]]\nname = "bob"\nmodel = "some/model"\n'
    assert [t.name for t in loaded(tmp_path, ADA + bob).team()] == ["ada", "bob"]
    chosen = loaded(tmp_path, f"{ADA}{bob}default = true\n")
    assert [t.name for t in chosen.team()] == ["bob", "ada"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[slack]\nmod = "http"\n', "no setting slack.mod (FILE). Did you mean slack.mode?"),
        ('[slak]\nmode = "http"\n', "no setting slak (FILE). Did you mean slack?"),
        ("[web]\nport = 70000\n", "FILE: web.port must be at most 65535, not 70000."),
        ('[web]\nport = "x"\n', "FILE: web.port must be a whole number, not 'x'."),
        ('[slack]\nmode = "rtm"\n', "FILE: slack.mode must be 'socket' or 'http', not 'rtm'."),
        ("slack = 3\n", "FILE: slack must be a table, not 3."),
        ("[approvals]\nexpiry_s = 1\n", "FILE: approvals.expiry_s must be at least 5, not 1."),
        ('[approvals]\nexpiry_s = "soon"\n', "expiry_s must be a number, not 'soon'."),
        ('[people]\nallow_outsiders = "perhaps"\n', "must be true or false, not 'perhaps'."),
        ('[approvals]\napprovers = ["maya"]\n', "must be a person's id such as U0123ABCD"),
        ('[appserver]\nurl = "http://x"\n', "must be an address that begins with ws:// or wss://"),
        ('[slack]\nbase_url = "slack.com"\n', "begins with http:// or https://"),
        (
            '[slack]\nbase_url = "https://me:pw@slack.com"\n',
            "must not hold a password, not 'https://[secret]@slack.com'",
        ),
        ('[database]\nurl = "postgres://x"\n', "must be sqlite+aiosqlite:///PATH"),
        (
            '[appserver]\nurl = "ws://x"\ncwd = "/"\n',
            "remove one of them",
        ),
        ('[appserver]\ncwd = "/no/such/place"\n', "/no/such/place, is not a directory"),
        ('[appserver]\ntoken_file = "/no/such/file"\n', "cannot be read: No such file"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_what_to_do(
    tmp_path: Path, text: str, sentence: str
) -> None:
    [said] = problems(tmp_path, text + ADA)
    assert sentence.replace("FILE", str(tmp_path / "bridge.toml")) in said


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ('name = "ada"\n', "needs either model"),
        ('name = "ada"\nmodel = "m"\nagent_id = "a"\n', "needs either model"),
        ('model = "m"\n', "teammate number 1: name is missing"),
        ('name = "a b"\nmodel = "m"\n', "teammate a b: name must be a word"),
        ('name = "ada"\nmodel = "m"\ncwd = "here"\n', "cwd must be an absolute path"),
        ('name = "ada"\nmodel = "m"\ncwd = "/no/such"\n', "/no/such, is not a directory"),
        ('name = "ada"\nmodel = "m"\npermission_mode = "yolo"\n', "permission_mode must be"),
        ('name = "ada"\nmodel = "m"\nchannels = ["general"]\n', "a channel's id such as"),
        ('name = "ada"\nmodel = "m"\nicon_emoji = "owl"\n', "between colons"),
        ('name = "ada"\nmodel = "m"\nrol = "x"\n', "Did you mean teammates.role?"),
        ('name = "ada"\nmodel = "m"\naliases = ["Ada"]\n', "ada is the name or alias of a"),
    ],
)
def test_a_wrong_teammate_is_named(tmp_path: Path, entry: str, sentence: str) -> None:
    [said] = problems(tmp_path, f"[[teammates]]\n{entry}")
    assert sentence in said


def test_teammates_may_not_share_names_channels_or_defaults(tmp_path: Path) -> None:
    both = ADA + 'channels = ["C01"]\ndefault = true\n'
    bob = '[[teammates]]\nname = "bob"\nmodel = "m"\naliases = ["ADA"]\nchannels = ["C01"]\n'
    said = "\n".join(problems(tmp_path, f"{both}{bob}default = true\n"))
    assert "ada is the name or alias of a teammate twice" in said
    assert "channel C01 has two default teammates" in said
    assert "several teammates have default = true" in said


def test_without_a_teammate_nothing_can_start(tmp_path: Path) -> None:
    [said] = problems(tmp_path, "")
    assert "names no teammate" in said


def test_a_directory_is_not_looked_for_when_the_server_is_elsewhere(tmp_path: Path) -> None:
    text = f'[appserver]\nurl = "wss://agents.example/ws"\n{ADA}cwd = "/on/the/other/machine"\n'
    assert loaded(tmp_path, text).team()[0].cwd == "/on/the/other/machine"


def test_agents_work_in_a_directory_that_holds_nothing_of_the_bridge(tmp_path: Path) -> None:
    found = loaded(tmp_path, f'[appserver]\nstate_dir = "state"\n{ADA}')
    assert found.appserver.workplace == Path("state/work")
    found = loaded(tmp_path, f'[appserver]\ncwd = "{tmp_path}"\n{ADA}')
    assert found.appserver.workplace == tmp_path


def test_all_mistakes_are_shown_at_once(tmp_path: Path) -> None:
    text = '[slack]\nmod = "http"\n[web]\nport = 70000\n' + ADA
    said = problems(tmp_path, text, BRIDGE_SLAK__MODE="x", BRIDGE_TURNS__TIME_LIMIT_S="soon")
    assert len(said) == 4


def test_an_unknown_variable_is_an_error_with_the_nearest_one(tmp_path: Path) -> None:
    [said] = problems(tmp_path, BRIDGE_SLACK__BASEURL="http://x")
    assert "Did you mean BRIDGE_SLACK__BASE_URL?" in said


def test_a_wrong_variable_is_named_as_the_variable(tmp_path: Path) -> None:
    [said] = problems(tmp_path, BRIDGE_WEB__PORT="many")
    assert said == "BRIDGE_WEB__PORT must be a whole number, not 'many'."


def test_the_default_file_may_be_missing_but_a_named_one_may_not(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="letta-bridge init"):
        load(tmp_path / "none.toml", environ=TOKENS)


def test_broken_toml_is_reported_with_its_place(tmp_path: Path) -> None:
    [said] = problems(tmp_path, "[slack\n")
    assert "is not valid TOML" in said
    assert "line 1" in said


@pytest.mark.parametrize("key", ["bot_token", "app_token", "signing_secret", "token"])
def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    [said] = problems(tmp_path, f'[slack]\n{key} = "xoxb-very-secret"\n{ADA}')
    assert "is a secret" in said
    assert "very-secret" not in said


def test_missing_tokens_are_named(tmp_path: Path) -> None:
    said = problems(tmp_path, environ={})
    assert [line.split()[0] for line in said] == ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"]


def test_http_mode_needs_the_signing_secret_instead_of_the_app_token(tmp_path: Path) -> None:
    text = '[slack]\nmode = "http"\n' + ADA
    [said] = problems(tmp_path, text, environ={"SLACK_BOT_TOKEN": "xoxb-1"})
    assert said.startswith("SLACK_SIGNING_SECRET")


def test_a_token_of_the_wrong_kind_is_refused_without_showing_it(tmp_path: Path) -> None:
    [said] = problems(tmp_path, SLACK_BOT_TOKEN="xapp-swapped")
    assert "begins with xoxb-" in said
    assert "swapped" not in said


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("xoxb-from-file\n")
    path = tmp_path / "bridge.toml"
    path.write_text(ADA)
    environ = {
        "SLACK_BOT_TOKEN_FILE": str(tmp_path / "token"),
        "SLACK_APP_TOKEN": TOKENS["SLACK_APP_TOKEN"],
    }
    token = load(path, environ=environ).secrets.bot_token
    assert token is not None
    assert token.get_secret_value() == "xoxb-from-file"


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    [said] = problems(tmp_path, SLACK_BOT_TOKEN_FILE="/x")
    assert "Both SLACK_BOT_TOKEN and SLACK_BOT_TOKEN_FILE" in said


def test_no_secret_is_needed_where_nothing_outside_is_called(tmp_path: Path) -> None:
    path = tmp_path / "bridge.toml"
    path.write_text(ADA)
    assert load(path, environ={}, with_secrets=False).secrets.bot_token is None


def test_secrets_never_appear_in_a_repr(tmp_path: Path) -> None:
    assert "secret'" not in repr(loaded(tmp_path)).replace("signing_secret", "")
    assert "xoxb-" not in repr(loaded(tmp_path))


def test_agents_inherit_neither_slacks_secrets_nor_our_settings() -> None:
    environ = {**TOKENS, "BRIDGE_WEB__PORT": "1", "PATH": "/bin", "OPENAI_API_KEY": "k"}
    assert child_environment(environ) == {"PATH": "/bin", "OPENAI_API_KEY": "k"}
