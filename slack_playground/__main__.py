"""`python -m slack_playground`."""

from slack_playground.cli import main

main()
