"""Fixtures of several folders live in plugins of their own."""

import signal

pytest_plugins = ["tests.appserver_fixtures"]

# What is started in the background may be told to ignore these. The programs that the tests
# start would inherit that, and keep to it: they are stopped by these signals.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
