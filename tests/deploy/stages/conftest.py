"""A stage that is ready to deploy: secrets in moto's SSM, a migrated database, a project and an account around it.

A module's tests share one; what they change they put back.
"""

from __future__ import annotations

import itertools
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from moto.server import ThreadedMotoServer

from functions.deploy.check import look
from functions.deploy.init import init
from functions.deploy.manifest import load
from functions.deploy.parameters import read_all
from functions.deploy.stage import Stage
from tests.conftest import in_thread
from tests.deploy.stages.outside import PUBLISHABLE_KEY, serve_lambda, serve_mail, serve_project

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from functions.deploy.seen import Seen
    from tests.deploy.stages.outside import LambdaAccount, MailServer, Project

REPOSITORY = Path(__file__).parents[3]
MIGRATIONS = {
    "20300101000000_first": "create schema probe;",
    "20300102000000_second": "create table probe.rows (id int);",
}
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="package")
def cloud() -> Iterator[LambdaAccount]:
    """AWS: SSM, STS and CloudFormation by moto, Lambda by an account of ours."""
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    with serve_lambda() as account, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ENDPOINT_URL_LAMBDA", account.url)
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-key")
        patch.setenv("AWS_CONFIG_FILE", "/nowhere")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield account
    moto.stop()


@pytest.fixture(scope="package")
def mail_server() -> Iterator[MailServer]:
    with serve_mail() as mail:
        yield mail


@pytest.fixture(scope="package")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose packages are built, whose tools are installed, and with two small migrations."""
    root = tmp_path_factory.mktemp("checkout")
    (root / "serverless.yml").symlink_to(REPOSITORY / "serverless.yml")
    tools = root / "functions/requirements/node/node_modules/.bin"
    for folder in (tools, root / "supabase/migrations", root / ".build/packages"):
        folder.mkdir(parents=True)
    (tools / "osls").touch()
    for name, text in MIGRATIONS.items():
        (root / f"supabase/migrations/{name}.sql").write_text(text)
    for name in load(root / "serverless.yml", environment={"AGENTPLANE_SUPABASE_URL": "https://x"}).functions:
        (root / f".build/packages/{name}.zip").touch()
    return root


@dataclass
class Given:
    """A stage with what stands around it. `seen`: as it was when it was made."""

    stage: Stage
    root: Path
    project: Project
    account: LambdaAccount
    mail: MailServer
    db_url: str
    seen: Seen

    def with_stage(self, **changes: Any) -> Seen:
        """Give what was seen, as if the stage were another."""
        return replace(self.seen, stage=replace(self.stage, **changes))

    def with_secrets(self, **values: str) -> Seen:
        """Give what was seen, as if other secrets were stored: `key_pepper="…"`."""
        assert self.seen.stored is not None
        sample = self.seen.stored["key-pepper"]
        changed = {name.replace("_", "-"): replace(sample, value=value) for name, value in values.items()}
        return replace(self.seen, stored={**self.seen.stored, **changed})


@pytest.fixture(scope="module")
def bare(
    cloud: LambdaAccount,
    mail_server: MailServer,
    checkout: Path,
    module_db_url: str,
    authenticator_url: Callable[[str], str],
) -> Iterator[Given]:
    """A stage of which there is nothing yet but a database with a schema."""
    with given_for(module_db_url, authenticator_url, cloud, mail_server, checkout) as made:
        yield made


@contextmanager
def given_for(
    db_url: str, authenticator_url: Callable[[str], str], cloud: LambdaAccount, mail: MailServer, root: Path
) -> Generator[Given]:
    """Make a stage for a database."""
    with serve_project(authenticator_url(db_url)) as project:
        stage = Stage(
            name=f"t{next(_NUMBERS)}",
            region="eu-central-1",
            supabase_url=project.url,
            public_url="https://plane.example.com",
            mail_from="AgentPlane <plane@example.com>",
            alarm_email="operator@example.com",
            database_url=db_url,
            publishable_key=PUBLISHABLE_KEY,
            smtp_url=f"smtp://post:right@127.0.0.1:{mail.port}",
        )
        with closing((seen := in_thread(look(stage, root))).aws):
            yield Given(stage, root, project, cloud, mail, db_url, seen)


@pytest.fixture(scope="module")
def given(bare: Given) -> Given:
    """A stage that is ready to deploy."""
    in_thread(init(bare.stage, root=bare.root))
    stored = read_all(bare.seen.aws, bare.stage)
    return replace(bare, seen=replace(bare.seen, stored=stored))
