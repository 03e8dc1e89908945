"""Pages for people: sign in, see what waits for an answer, answer it."""
