"""The pages for people: they call the same verbs as agents, by the person's own token, and have no powers beside."""

from __future__ import annotations

from functions.pages.answering import router as answering
from functions.pages.signing_in import router as signing_in
from functions.shared.web import create_app, lambda_handler
from functions.shared.web.html import assets

routers = (signing_in, answering, assets)

app = create_app("pages", *routers)
handler = lambda_handler(app)
