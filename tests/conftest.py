"""Fixtures of several folders live in plugins of their own."""

pytest_plugins = ["tests.appserver_fixtures"]
