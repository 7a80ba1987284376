"""Engine: takes messages in and runs turns; speaks to the outside only through ports."""
