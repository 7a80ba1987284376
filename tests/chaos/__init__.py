"""Faults on purpose, between real processes, judged by what people see.

One integer, the seed, makes a round: what people say and what breaks when. Pure are `plan` (the
vocabulary of a round), `schedule` (seed to plan), `script` (what a message tells the model to
do) and `checker` (evidence to verdicts). `steps` names the instants at which something can be
made to break, `proxy` and `rows` observe them from outside, `kinds` breaks things, `people` act,
`stage` holds the processes, `evidence` gathers what was seen, `round` and `campaign` run it all,
`report` tells it.
"""
