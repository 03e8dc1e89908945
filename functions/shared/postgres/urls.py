"""Addresses of databases: `postgresql://user:password@host:port/database?option=value`."""

from __future__ import annotations

from urllib.parse import quote, urlsplit


def with_database(url: str, database: str) -> str:
    """Give the same address with another database."""
    return urlsplit(url)._replace(path=f"/{database}").geturl()


def with_login(url: str, user: str, password: str) -> str:
    """Give the same address with another role."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{quote(user)}:{quote(password, safe='')}@{place}").geturl()


def without_password(url: str) -> str:
    """Give the address as it may be shown."""
    parts = urlsplit(url)
    user, at, place = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}{at}{place}").geturl()
