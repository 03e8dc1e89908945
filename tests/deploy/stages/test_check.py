"""`agentplane deploy --check` finds what would break a deployment, says the way out, and changes nothing."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from functions.deploy import check_aws, check_database, check_machine, check_outside
from functions.deploy.check import check, has_failed, look
from functions.deploy.parameters import Stored, problems, read_all
from functions.deploy.runner_keys import RUNNER_KEYS
from tests.people import SigningKey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from functions.deploy.finding import Finding
    from functions.deploy.seen import Seen
    from tests.deploy.stages.conftest import Given
    from tests.deploy.stages.outside import LambdaAccount

TABLES = """
select array_agg(c.oid::regclass::text) from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in ('plane', 'gateway', 'supabase_migrations') and c.relkind = 'r'
"""


async def every_row(given: Given) -> dict[str, str]:
    connection = await asyncpg.connect(given.db_url)
    try:
        return {
            table: await connection.fetchval(f"select string_agg(t::text, ';' order by t::text) from {table} as t")
            for table in await connection.fetchval(TABLES)
        }
    finally:
        await connection.close()


def by_name(findings: Iterable[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def require(finding: Finding, state: str, told: str) -> None:
    assert (finding.state, told in finding.found) == (state, True), finding
    assert finding.state == "ok" or finding.way_out


async def test_a_stage_that_is_ready_passes_every_check_and_nothing_is_changed(given: Given) -> None:
    before = await every_row(given), given.seen.stored
    given.project.asked.clear()
    given.account.asked.clear()
    findings = by_name(await check(given.stage, given.seen))
    assert {name: finding.found for name, finding in findings.items() if finding.state != "ok"} == {}
    assert set(findings) == {
        *("node", "osls", "packages", "python", "public-url", "mail-from", "cors-origins", "alarm-email"),
        *("account", "secrets", "concurrency", "stack", "supabase", "doors", "exposed", "signing-keys", "sign-in"),
        *("mail-server", "database", "migrations", "runner-keys", "founding", "transport"),
    }
    assert (await every_row(given), read_all(given.seen.aws, given.stage)) == before
    reading = ["POST /rest/v1/rpc/ping"] * 2  # one of them for a schema that is not there
    assert [asked for asked in given.project.asked if not asked.startswith("GET ")] == reading
    assert [asked for asked in given.account.asked if not asked.startswith("GET ")] == []
    assert given.mail.mails == 0


async def test_a_check_shows_no_secret_whether_it_passes_or_fails(given: Given) -> None:
    stored = given.seen.stored or {}
    wrong = replace(given.seen, stage=replace(given.stage, database_url="postgresql://p:s3cret@127.0.0.1:9/x"))
    shown = [
        repr(given.seen),
        *map(str, await check(given.stage, given.seen)),
        *map(str, await check(wrong.stage, wrong)),
    ]
    text = "\n".join(shown)
    assert [name for name, parameter in stored.items() if parameter.value in text] == []
    assert "s3cret" not in text


@pytest.mark.parametrize(
    ("changes", "name", "state", "told"),
    [
        ({"public_url": ""}, "public-url", "warn", "API Gateway"),
        ({"public_url": "http://plane.example.com"}, "public-url", "fail", "is not https"),
        ({"public_url": "https://plane.example.com/api"}, "public-url", "fail", "is not https"),
        ({"mail_from": "agentplane@localhost"}, "mail-from", "warn", "localhost"),
        ({"alarm_email": ""}, "alarm-email", "warn", "nobody"),
        ({"cors_origins": ("*",)}, "cors-origins", "warn", "every site"),
        ({"cors_origins": ("app.example.com",)}, "cors-origins", "fail", "app.example.com"),
        ({"python": "3.13"}, "python", "warn", "3.13"),
    ],
)
def test_the_settings_are_looked_at(bare: Given, changes: dict[str, Any], name: str, state: str, told: str) -> None:
    require(by_name(check_machine.findings(bare.with_stage(**changes)))[name], state, told)


def test_packages_that_are_missing_or_old_and_tools_that_are_missing_are_found(bare: Given) -> None:
    osls = bare.root / "functions/requirements/node/node_modules/.bin/osls"
    package = bare.root / ".build/packages/keys.zip"
    source = bare.root / "functions/new.py"
    try:
        source.touch()
        require(by_name(check_machine.findings(bare.seen))["packages"], "warn", "functions/new.py")
        package.unlink()
        osls.unlink()
        findings = by_name(check_machine.findings(bare.seen))
        require(findings["packages"], "fail", "not built: keys")
        assert has_failed([findings["osls"]])
    finally:
        source.unlink()
        package.touch()
        osls.touch()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "no address of a project is given"),
        ("http://127.0.0.1:9", "does not answer"),
        ("http://project.example.com", "is not https"),
        ("https://x.example.com/rest/v1", "not a project"),
    ],
)
async def test_the_address_of_a_project_is_looked_at(bare: Given, url: str, told: str) -> None:
    require(by_name(await check_outside.findings(bare.with_stage(supabase_url=url)))["supabase"], "fail", told)


@pytest.mark.parametrize(
    ("changes", "name", "state", "told"),
    [
        ({"status": 503}, "supabase", "fail", "answers 503"),
        ({"exposed": ("api", "plane")}, "exposed", "fail", "plane is exposed"),
        ({"exposed": ("public",)}, "exposed", "fail", "api is not exposed"),
        ({"exposed": ("api", "public")}, "exposed", "warn", "api, public"),
        ({"exposed": ("public",)}, "doors", "warn", "not exposed"),
        ({"keys": []}, "signing-keys", "fail", "no asymmetric"),
        ({"keys": [{"kty": "oct", "alg": "HS256"}]}, "signing-keys", "fail", "no asymmetric"),
        ({"keys": [SigningKey("r", "RS256").public]}, "signing-keys", "ok", "RS256"),
        ({"auth": {"external": {"email": False}}}, "sign-in", "fail", "cannot sign in"),
        ({"auth": {"external": {"email": True}, "mailer_autoconfirm": True}}, "sign-in", "fail", "anybody could be"),
        ({"auth": {}}, "sign-in", "warn", "does not tell"),
    ],
)
async def test_a_project_that_is_set_up_wrong_is_found(
    given: Given, changes: dict[str, Any], name: str, state: str, told: str
) -> None:
    kept = dict(given.project.__dict__)
    given.project.__dict__.update(changes)
    try:
        require(by_name(await check_outside.findings(given.seen))[name], state, told)
    finally:
        given.project.__dict__.update(kept)


async def test_a_publishable_key_of_another_project_opens_nothing(given: Given) -> None:
    seen = given.with_secrets(publishable_key="sb_publishable_another")
    finding = by_name(await check_outside.findings(seen))["doors"]
    require(finding, "fail", "does not open them")
    assert "sb_publishable_another" not in finding.found


@pytest.mark.parametrize("url", ["smtp://post:wrong@127.0.0.1:{port}", "smtp://127.0.0.1:9"])
async def test_a_mail_server_that_refuses_is_found(given: Given, url: str) -> None:
    seen = given.with_secrets(smtp_url=url.format(port=given.mail.port))
    finding = by_name(await check_outside.findings(seen))["mail-server"]
    require(finding, "fail", "refuses or does not answer")
    assert "wrong" not in finding.found + finding.way_out


def test_secrets_that_are_missing_are_named_with_the_way_to_make_them(bare: Given) -> None:
    findings = by_name(check_aws.findings(replace(bare.seen, stored={})))
    missing = {name.removeprefix("secret ") for name, each in findings.items() if each.state == "fail"}
    keys = {key.parameter for key in RUNNER_KEYS}
    assert missing == {"publishable-key", "key-pepper", "master-key", "doorbell-key"} | keys
    assert "--init" in findings["secret master-key"].way_out
    require(findings["secret smtp-url"], "warn", "sends no mails")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("publishable-key", "sb_secret_0123456789abcdef", "is a secret key"),
        ("publishable-key", "0123456789abcdef", "does not begin with sb_publishable_"),
        ("master-key", "c2hvcnQ=", "has 32 bytes, this has 5"),
        ("master-key", "not base64 at all!", "is base64"),
        ("key-pepper", "tiny", "shorter than 32"),
        ("key-pepper", ",former-former-former-former-former", "empty at its first place"),
        ("doorbell-key", "dGlueQ", "has 4 bytes"),
        ("doorbell-key", "", "is empty"),
        ("runner-key", "ap_live_nobody", "is not a runner's key"),
        ("smtp-url", "mail.example.com:587", "is not smtp://"),
        ("database-url", "mysql://x", "is not postgresql://"),
    ],
)
def test_a_secret_of_the_wrong_form_is_named_and_not_shown(given: Given, name: str, value: str, told: str) -> None:
    wrong = problems({**(given.seen.stored or {}), name: Stored(value, "SecureString", 1)})
    assert list(wrong) == [name]
    assert told in wrong[name]
    assert not value or value not in wrong[name]


def test_a_secret_that_is_stored_in_the_clear_is_found(given: Given) -> None:
    stored = given.seen.stored or {}
    wrong = problems({**stored, "master-key": replace(stored["master-key"], kind="String")})
    assert "is a String" in wrong["master-key"]


@pytest.mark.parametrize(
    ("most", "unreserved", "state", "told"),
    [
        (10, 10, "fail", "0 can be reserved"),
        (300, 300, "warn", "new accounts start low"),
        (1000, 120, "fail", "20 can be reserved"),
        (1000, 1000, "ok", "of the account's 1000"),
    ],
)
def test_an_account_without_room_for_what_is_reserved_is_found(
    given: Given, cloud: LambdaAccount, most: int, unreserved: int, state: str, told: str
) -> None:
    cloud.concurrency, cloud.unreserved = most, unreserved
    require(by_name(check_aws.findings(given.seen))["concurrency"], state, told)
    cloud.concurrency = cloud.unreserved = 1000


def test_what_is_set_by_hand_counts(given: Given, cloud: LambdaAccount) -> None:
    cloud.concurrency = cloud.unreserved = 130
    require(by_name(check_aws.findings(given.seen))["concurrency"], "fail", "30 can be reserved")
    few = given.with_stage(params=(("runners", "2"), ("llmRunners", "2"), ("sandboxes", "2")))
    require(by_name(check_aws.findings(few))["concurrency"], "warn", "the functions reserve 24")
    cloud.concurrency = cloud.unreserved = 1000


def test_what_this_stage_has_reserved_already_is_not_counted_twice(given: Given, cloud: LambdaAccount) -> None:
    names = [name for name, each in given.seen.manifest().functions.items() if each.reserved_concurrency]
    mine = 10 * len(names)  # what the account answers for each
    cloud.deployed = {given.stage.function(name) for name in names}
    cloud.concurrency, cloud.unreserved = 250, 250 - mine
    require(by_name(check_aws.findings(given.seen))["concurrency"], "warn", "new accounts start low")
    cloud.concurrency = cloud.unreserved = 1000
    cloud.deployed = set()


def test_a_stack_that_is_there_is_told(given: Given) -> None:
    aws = given.seen.aws
    template = '{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}'
    aws.call("cloudformation", "create_stack", StackName=given.stage.stack, TemplateBody=template)
    require(by_name(check_aws.findings(given.seen))["stack"], "ok", "CREATE_COMPLETE")
    aws.call("cloudformation", "delete_stack", StackName=given.stage.stack)


async def test_without_region_or_credentials_it_says_so_and_still_looks_at_the_rest(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with closing((seen := await look(given.stage, given.root)).aws):
        findings = by_name(await check(given.stage, seen))
    require(findings["account"], "fail", "credentials")
    require(findings["secrets"], "fail", "not looked at")
    assert findings["founding"].state == "ok"
    require(by_name(check_aws.findings(given.with_stage(region="")))["account"], "fail", "no region")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "no address"),
        ("postgresql://p@127.0.0.1:9/x", "cannot be reached"),
        ("postgresql://p@127.0.0.1:6543/x", "transaction pooler"),
    ],
)
async def test_the_address_of_the_database_is_looked_at(bare: Given, url: str, told: str) -> None:
    require(by_name(await check_database.findings(bare.with_stage(database_url=url)))["database"], "fail", told)


@pytest.fixture
async def owner(given: Given) -> AsyncIterator[asyncpg.Connection]:
    """A connection whose changes are taken back by copies of the tables that tests change."""
    tables = ("supabase_migrations.schema_migrations", "plane.api_keys", "gateway.settings")
    connection = await asyncpg.connect(given.db_url)
    for index, table in enumerate(tables):
        await connection.execute(f"create temporary table kept_{index} as table {table}")
    yield connection
    await connection.execute("set session_replication_role = replica")  # no cascades
    for index, table in enumerate(tables):
        await connection.execute(f"delete from {table}")
        await connection.execute(f"insert into {table} overriding system value table kept_{index}")
    await connection.close()


NEWEST_MIGRATION = "(select max(version) from supabase_migrations.schema_migrations)"
HOOKS_KEY = "where 'find_hook' = any (scopes)"


@pytest.mark.parametrize(
    ("query", "name", "state", "told"),
    [
        (
            f"delete from supabase_migrations.schema_migrations where version = {NEWEST_MIGRATION}",
            *("migrations", "warn", "pending: 20300102000000_second"),
        ),
        (
            "insert into supabase_migrations.schema_migrations (version) values ('20990101000000')",
            *("migrations", "fail", "newer version"),
        ),
        (
            "insert into supabase_migrations.schema_migrations (version) values ('20200101000000')",
            *("migrations", "fail", "Is it the right database"),
        ),
        (
            f"update supabase_migrations.schema_migrations set statements = '{{x}}' where version = {NEWEST_MIGRATION}",
            *("migrations", "fail", "was changed"),
        ),
        (
            "update plane.api_keys set scopes = '{}' where kind = 'runner'",
            *("runner-keys", "fail", "may call every verb"),
        ),
        (
            f"update plane.api_keys set scopes = scopes || '{{sweep}}' {HOOKS_KEY}",
            *("runner-keys", "fail", "hooks-key may also call sweep"),
        ),
        (
            "update plane.api_keys set scopes = '{sweep}' where 'sweep' = any (scopes)",
            *("runner-keys", "fail", "sweeper-key may not call report_dead"),
        ),
        (
            f"update plane.api_keys set revoked_at = now() {HOOKS_KEY}",
            *("runner-keys", "fail", "hooks-key is revoked"),
        ),
        (
            f"update plane.api_keys set expires_at = now() {HOOKS_KEY}",
            *("runner-keys", "fail", "hooks-key is revoked or expired"),
        ),
        (f"delete from plane.api_keys {HOOKS_KEY}", "runner-keys", "fail", "unknown to the database"),
        ("delete from gateway.settings", "founding", "warn", "whoever signs in"),
        ("select gateway.change_setting('new_organisations', 'true')", "founding", "warn", "whoever signs in"),
    ],
)
async def test_a_database_that_does_not_fit_is_found(
    given: Given, owner: asyncpg.Connection, query: str, name: str, state: str, told: str
) -> None:
    await owner.execute(query)
    require(by_name(await check_database.findings(given.seen))[name], state, told)


async def test_another_pepper_than_the_keys_were_kept_with_is_found(given: Given) -> None:
    findings = by_name(await check_database.findings(given.with_secrets(key_pepper="x" * 40)))
    require(findings["runner-keys"], "fail", "the pepper is another")


async def test_a_database_before_its_first_migration_is_no_failure(given: Given, postgres: Any) -> None:
    url = postgres.clone("template1")
    try:
        findings = by_name(await check_database.findings(given.with_stage(database_url=url)))
    finally:
        postgres.drop(url)
    assert {name: each.state for name, each in findings.items() if each.state != "ok"} == {
        "migrations": "warn",
        "runner-keys": "warn",
        "founding": "warn",
    }


async def test_functions_that_log_in_as_somebody_strong_or_without_a_pooler_are_found(
    given: Given, authenticator_url: Callable[[str], str]
) -> None:
    async def transport(seen: Seen) -> Finding:
        return by_name(await check_database.findings(seen))["transport"]

    require(await transport(given.with_secrets(database_url=given.db_url)), "fail", "no row-level security")
    require(
        await transport(given.with_secrets(database_url="postgresql://a@127.0.0.1:9/x")), "fail", "cannot be reached"
    )
    direct = given.with_secrets(database_url=authenticator_url(given.db_url))
    require(await transport(direct), "warn", "is not the transaction pooler's")
