"""Pure: ids, events, effects, the turn's reducer and the policies. No I/O, no clock."""
