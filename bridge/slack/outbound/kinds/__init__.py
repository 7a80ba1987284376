"""Outbox kinds: one class for each kind of durable write to Slack."""
