"""The phases of the checker. Each looks at the raw document, so that none hides what another one finds."""
