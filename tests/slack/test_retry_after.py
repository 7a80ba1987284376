"""The forms in which a 429 may say how long it lasts."""

from datetime import UTC, datetime

import pytest

from bridge.slack.web_api import retry_after_s

NOW = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("30", 30.0),
        (" 7 ", 7.0),
        ("2.5", 2.5),
        ("0", 1.0),
        ("Mon, 23 Nov 2026 10:00:45 GMT", 45.0),
        ("Mon, 23 Nov 2026 09:00:00 GMT", 1.0),
        ("Mon, 23 Nov 2026 12:00:45 +0200", 45.0),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("nan", None),
        ("inf", None),
        ("Mon, 99 Nov 2026 99:99:99 GMT", None),
    ],
)
def test_every_form_is_understood_or_said_to_be_missing(given: str, seconds: float | None) -> None:
    assert retry_after_s({"Retry-After": given}, now=NOW) == seconds


def test_without_the_header_slack_did_not_say() -> None:
    assert retry_after_s({}, now=NOW) is None


def test_the_header_is_found_however_it_is_spelt() -> None:
    assert retry_after_s({"retry-after": "4"}, now=NOW) == 4.0


def test_a_date_counts_from_the_answers_own_date_so_that_a_wrong_clock_does_no_harm() -> None:
    headers = {
        "Retry-After": "Mon, 23 Nov 2026 08:00:20 GMT",
        "Date": "Mon, 23 Nov 2026 08:00:00 GMT",
    }
    assert retry_after_s(headers, now=NOW) == 20.0
