"""Migrations: one numbered module per change of the schema, in `versions`."""
