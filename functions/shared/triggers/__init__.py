"""What starts workflows from outside: signed messages, events, the clock."""
