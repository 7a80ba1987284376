"""Commands of `letta-bridge` with work of their own; `cli` reads their arguments."""
