"""Supabase's own client signs people in by the development sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jwt
import pytest
from supabase_auth.errors import AuthApiError

from functions.shared.devauth import Accounts, user_id_of

if TYPE_CHECKING:
    import httpx
    from supabase_auth import AsyncGoTrueClient

    from functions.shared.config import Settings
    from tests.devauth.conftest import Clock

EMAIL = "ada@example.com"


async def test_a_code_signs_in_with_a_token_of_supabases_shape(supabase: AsyncGoTrueClient, accounts: Accounts) -> None:
    await supabase.sign_in_with_otp({"email": "Ada@Example.com"})
    answer = await supabase.verify_otp({"type": "email", "email": EMAIL, "token": accounts.mails[0].code})

    assert answer.user is not None
    assert answer.user.id == user_id_of(EMAIL)
    claims = await supabase.get_claims()
    assert claims is not None
    said = claims["claims"]
    assert {name: said[name] for name in ("sub", "email", "role", "aud", "aal", "iss", "is_anonymous")} == {
        "sub": user_id_of(EMAIL),
        "email": EMAIL,
        "role": "authenticated",
        "aud": "authenticated",
        "aal": "aal1",
        "iss": "http://localhost:8400/auth/v1",
        "is_anonymous": False,
    }
    assert said["amr"][0]["method"] == "otp"
    assert said["exp"] - said["iat"] == 3600
    assert said["session_id"]
    assert claims["headers"]["alg"] == "ES256"


async def test_a_link_signs_in_once(supabase: AsyncGoTrueClient, accounts: Accounts) -> None:
    await supabase.sign_in_with_otp({"email": EMAIL})
    token_hash = accounts.mails[0].link.partition("token_hash=")[2].partition("&")[0]
    first = await supabase.verify_otp({"type": "email", "token_hash": token_hash})
    assert first.session is not None
    with pytest.raises(AuthApiError) as refusal:
        await supabase.verify_otp({"type": "email", "token_hash": token_hash})
    assert (refusal.value.status, refusal.value.code) == (403, "otp_expired")


async def test_the_link_carries_on_only_to_this_plane(supabase: AsyncGoTrueClient, accounts: Accounts) -> None:
    here = {"email_redirect_to": "http://localhost:8400/inbox/7?mine=1"}
    await supabase.sign_in_with_otp({"email": EMAIL, "options": here})
    assert accounts.mails[0].link.endswith("&type=email&next=%2Finbox%2F7%3Fmine%3D1")
    await supabase.sign_in_with_otp({"email": EMAIL, "options": {"email_redirect_to": "https://evil.example/inbox"}})
    assert accounts.mails[0].link.endswith("&type=email")


async def test_a_new_code_ends_the_former(supabase: AsyncGoTrueClient, accounts: Accounts) -> None:
    await supabase.sign_in_with_otp({"email": EMAIL})
    accounts.mails[0] = former = accounts.mails[0]
    await supabase.sign_in_with_otp({"email": EMAIL})
    if former.code == accounts.mails[0].code:
        pytest.skip("one in a million")
    with pytest.raises(AuthApiError, match="expired or is invalid"):
        await supabase.verify_otp({"type": "email", "email": EMAIL, "token": former.code})


async def test_a_code_does_not_work_after_ten_minutes(
    supabase: AsyncGoTrueClient, accounts: Accounts, clock: Clock
) -> None:
    await supabase.sign_in_with_otp({"email": EMAIL})
    clock.now += 601
    with pytest.raises(AuthApiError) as refusal:
        await supabase.verify_otp({"type": "email", "email": EMAIL, "token": accounts.mails[0].code})
    assert refusal.value.code == "otp_expired"


async def test_a_code_cannot_be_guessed(supabase: AsyncGoTrueClient, accounts: Accounts) -> None:
    await supabase.sign_in_with_otp({"email": EMAIL})
    right = accounts.mails[0].code
    wrong = "000000" if right != "000000" else "111111"
    for _ in range(5):
        with pytest.raises(AuthApiError):
            await supabase.verify_otp({"type": "email", "email": EMAIL, "token": wrong})
    with pytest.raises(AuthApiError):
        await supabase.verify_otp({"type": "email", "email": EMAIL, "token": right})


async def test_what_is_no_address_gets_no_code(http: httpx.AsyncClient, accounts: Accounts) -> None:
    for email in ("ada", "a b@example.com", "a@b\nforged log line", "<a>@b.c", ""):
        answer = await http.post("/auth/v1/otp", json={"email": email})
        assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed"), email
    assert not accounts.mails


async def test_a_refresh_token_is_replaced_and_its_reuse_ends_the_session(
    supabase: AsyncGoTrueClient, http: httpx.AsyncClient, accounts: Accounts, clock: Clock
) -> None:
    await _sign_in(supabase, accounts)
    session = await supabase.get_session()
    assert session is not None

    async def refresh(token: str) -> httpx.Response:
        return await http.post("/auth/v1/token?grant_type=refresh_token", json={"refresh_token": token})

    second = (await refresh(session.refresh_token)).json()
    assert second["refresh_token"] != session.refresh_token
    at_once = (await refresh(session.refresh_token)).json()
    assert at_once["refresh_token"] == second["refresh_token"], "two requests at once get the same session"
    clock.now += 11
    late = await refresh(session.refresh_token)
    assert (late.status_code, late.json()["error_code"]) == (400, "refresh_token_already_used")
    ended = await refresh(second["refresh_token"])
    assert (ended.status_code, ended.json()["error_code"]) == (400, "refresh_token_not_found")


async def test_signing_out_ends_the_session(
    supabase: AsyncGoTrueClient, http: httpx.AsyncClient, accounts: Accounts
) -> None:
    access = await _sign_in(supabase, accounts)
    assert (await supabase.get_user(access)).user.email == EMAIL
    await supabase.sign_out()
    answer = await http.get("/auth/v1/user", headers={"Authorization": f"Bearer {access}"})
    assert (answer.status_code, answer.json()["error_code"]) == (403, "session_not_found")


async def test_a_second_factor_gives_aal2(supabase: AsyncGoTrueClient, accounts: Accounts) -> None:
    await _sign_in(supabase, accounts)
    factors = await supabase.mfa.list_factors()
    challenge = await supabase.mfa.challenge({"factor_id": factors.totp[0].id})
    code = accounts.mails[0].code
    answer = await supabase.mfa.verify({"factor_id": factors.totp[0].id, "challenge_id": challenge.id, "code": code})
    claims = jwt.decode(answer.access_token, options={"verify_signature": False})
    assert claims["aal"] == "aal2"
    assert [each["method"] for each in claims["amr"]] == ["otp", "totp"]


async def test_sessions_and_the_key_outlive_a_restart(
    supabase: AsyncGoTrueClient, accounts: Accounts, settings: Settings
) -> None:
    access = await _sign_in(supabase, accounts)
    again = Accounts(settings)
    assert again.key.id == accounts.key.id
    assert again.user_of(access)["email"] == EMAIL


async def test_files_of_the_sign_in_are_private(settings: Settings, accounts: Accounts) -> None:
    accounts.send_code(EMAIL)
    accounts.verify_code(EMAIL, accounts.mails[0].code)
    assert settings.local_data is not None
    modes = {path.name: path.stat().st_mode & 0o777 for path in settings.local_data.iterdir()}
    assert modes == {"sign-in-key.pem": 0o600, "sign-in-sessions.json": 0o600}


async def test_a_foreign_token_is_nobody(
    http: httpx.AsyncClient, supabase: AsyncGoTrueClient, accounts: Accounts
) -> None:
    access = await _sign_in(supabase, accounts)
    head, body, signature = access.split(".")
    for token in ("x", f"{head}.{body}.", f"{head}.{body[:-4]}AAAA.{signature}"):
        answer = await http.get("/auth/v1/user", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["error_code"]) == (403, "bad_jwt")
    assert (await http.get("/auth/v1/user")).status_code == 401


async def test_a_page_of_another_name_cannot_reach_it(http: httpx.AsyncClient) -> None:
    answer = await http.get("/auth/v1/.well-known/jwks.json", headers={"Host": "rebound.example:8400"})
    assert (answer.status_code, answer.json()["error_code"]) == (403, "development_only")


async def _sign_in(supabase: AsyncGoTrueClient, accounts: Accounts) -> str:
    await supabase.sign_in_with_otp({"email": EMAIL})
    answer = await supabase.verify_otp({"type": "email", "email": EMAIL, "token": accounts.mails[0].code})
    assert answer.session is not None
    return answer.session.access_token
