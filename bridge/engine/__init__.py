"""Takes messages in, runs turns and brings them to an end; speaks only through the ports."""
