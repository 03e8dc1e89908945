"""One module per provider: how a question is read from its protocol and how an answer is written in it."""
