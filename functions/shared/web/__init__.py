"""HTTP: what every function's app is made of."""

from functions.shared.web.access import public, requires, signed_in
from functions.shared.web.app import create_app, lambda_handler
from functions.shared.web.dependencies import Bell, Db, IfMatch, PreferWait, etag_of
from functions.shared.web.openapi import example
from functions.shared.web.paging import Page
from functions.shared.web.route import PlaneRouter
from functions.shared.web.validation import invalid_input
from functions.shared.web.values import Answer, Body, ListOf, Money, Timestamp

__all__ = [
    "Answer",
    "Bell",
    "Body",
    "Db",
    "IfMatch",
    "ListOf",
    "Money",
    "Page",
    "PlaneRouter",
    "PreferWait",
    "Timestamp",
    "create_app",
    "etag_of",
    "example",
    "invalid_input",
    "lambda_handler",
    "public",
    "requires",
    "signed_in",
]
