"""The database port, its two adapters, and one module of typed verbs per resource."""
