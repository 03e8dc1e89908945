"""The plane's own Postgres: an embedded server, the schema in `sql/`, and its migrations."""
