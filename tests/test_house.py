"""The house tests itself: sizes, floors, docs, locks, and what may not be in any file."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import requires
from pathlib import Path

import pytest

from bridge.settings import known_keys
from bridge.telemetry import REGISTRY

ROOT = Path(__file__).parent.parent
MODULE_LINES = 500
FUNCTION_LINES = 60
MAY_PRINT = {"bridge/cli.py", "bridge/commands/demo.py"}
MOCK_WORDS = re.compile(r"\b(?:Mock\(|MagicMock|AsyncMock|mock\.patch|mocker\.|monkeypatch\b)")


@cache
def tracked() -> tuple[str, ...]:
    """Every file of the project, relative to its root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(name for name in listed.stdout.splitlines() if (ROOT / name).is_file())


def modules(folder: str = "bridge") -> list[str]:
    return [name for name in tracked() if name.startswith(f"{folder}/") and name.endswith(".py")]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def functions(name: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(read(name))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    whole = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is None:
        return whole
    return whole - ((first.end_lineno or first.lineno) - first.lineno + 1)


def test_no_module_is_over_its_ceiling() -> None:
    sizes = {name: len(read(name).splitlines()) for name in modules()}
    assert {name: size for name, size in sizes.items() if size > MODULE_LINES} == {}


def test_no_function_is_over_its_ceiling() -> None:
    long = {
        f"{name}:{function.name}": length(function)
        for name in modules()
        for function in functions(name)
        # A migration is a list of tables: long, and without a branch.
        if length(function) > FUNCTION_LINES and "/migrations/versions/" not in name
    }
    assert long == {}


def test_nothing_prints_but_the_commands() -> None:
    printing = [
        name
        for name in modules()
        if name not in MAY_PRINT
        and any(
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
            for node in ast.walk(ast.parse(read(name)))
        )
    ]
    assert printing == []


@pytest.mark.parametrize("key", known_keys())
def test_every_setting_is_documented(key: str) -> None:
    assert f"| `{key}` |" in read("docs/configuration.md")


def test_no_setting_is_documented_that_does_not_exist() -> None:
    written = re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", read("docs/configuration.md"), re.M)
    assert set(written) == set(known_keys())


@pytest.mark.parametrize("metric", [metric.name for metric in REGISTRY.collect()])
def test_every_metric_is_documented(metric: str) -> None:
    assert re.search(rf"^\| `{metric}(?:_total)?` \|", read("docs/operations.md"), re.M)


def test_every_test_that_the_architecture_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", read("docs/architecture.md")))
    written = {function.name for name in modules("tests") for function in functions(name)}
    assert named - written == set()
    assert len(named) > 10


def test_every_link_between_documents_leads_somewhere() -> None:
    broken = []
    for name in tracked():
        if name.endswith(".md"):
            for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", read(name)):
                if not ((ROOT / name).parent / target).exists():
                    broken.append(f"{name}: {target}")
    assert broken == []


def test_the_import_contracts_hold() -> None:
    from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

    assert lint_imports(config_filename=str(ROOT / "pyproject.toml")) == EXIT_STATUS_SUCCESS


def test_our_own_modules_are_not_patched() -> None:
    words = [
        (name, word)
        for name in modules("tests")
        if name != "tests/test_house.py"
        for word in MOCK_WORDS.findall(read(name))
    ]
    assert len(words) < 10, words


# Written in two halves, so that this file does not hold what it looks for.
FORBIDDEN = re.compile(
    "|".join(
        (
            r"(?<![\w.])/(?:wo" + r"rk|ro" + r"ot)/",
            "index-" + "url",
            "find-" + "links",
            r"https?://[^\s\"')]*(?:/sim" + r"ple\b|reg" + r"istry\.|files\.pytho" + r"nhosted)",
        )
    )
)


def test_no_machines_paths_and_no_registry_addresses_are_in_any_file() -> None:
    found = []
    for name in tracked():
        try:
            text = read(name)
        except UnicodeDecodeError:
            continue
        found += [f"{name}: {match.group()}" for match in FORBIDDEN.finditer(text)]
    assert found == []


LOCKS = ("requirements.lock", "requirements-appserver.lock", "requirements-dev.lock")


def locked(name: str) -> dict[str, str]:
    """Names and versions of a lock; every one has at least one hash."""
    entries = re.findall(
        r"^([a-z0-9][a-z0-9._-]*)==(\S+)([^\n]*(?:\n    [^\n]+)*)", read(name), re.M
    )
    assert all("--hash=sha256:" in rest for _, _, rest in entries)
    return {package: number for package, number, _ in entries}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_no_address(name: str) -> None:
    assert "://" not in read(name)
    assert locked(name)


def wanted(extra: str | None) -> set[str]:
    """Direct dependencies of the project, or of one of its extras, as the lock spells them."""
    project = tomllib.loads(read("pyproject.toml"))["project"]
    given = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    return {re.split(r"[\[<>=!~; ]", line)[0].lower().replace("_", "-") for line in given}


def test_the_locks_cover_what_the_project_needs() -> None:
    runtime, appserver, dev = (set(locked(name)) for name in LOCKS)
    assert wanted(None) <= runtime
    assert wanted(None) | wanted("appserver") <= appserver
    assert wanted(None) | wanted("appserver") | wanted("dev") <= dev


def test_the_locks_agree_on_versions() -> None:
    runtime, appserver, dev = (locked(name) for name in LOCKS)
    assert runtime.items() <= dev.items()
    assert appserver.items() <= dev.items()


def test_the_installed_project_is_the_one_that_is_declared() -> None:
    installed = requires("letta-slack-bridge") or []
    direct = {
        re.split(r"[\[<>=!~; ]", line)[0].lower() for line in installed if "extra" not in line
    }
    assert direct == wanted(None)


def test_a_worker_loads_nothing_large_that_it_does_not_use() -> None:
    loaded = "import sys, bridge.cli, bridge.worker_main; print(*sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    unused = {
        "alembic",
        "rich",
        "sqlalchemy.dialects.postgresql",
        "sqlalchemy.orm",
        "bridge.commands.demo",
    }
    assert unused & set(said.stdout.split()) == set()
