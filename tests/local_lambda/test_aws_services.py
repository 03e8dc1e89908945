"""AWS's services on this machine: what else looks at them from here gets nothing."""

from __future__ import annotations

import httpx

from functions.local_lambda.aws_services import AwsServices


async def test_a_page_of_another_site_may_not_read_the_stored_secrets() -> None:
    services = AwsServices()
    try:
        await services.start()
        await services.put_secret("/agentplane/dev/master-key", "secret")
        origin = {"Origin": "https://site.example.com"}
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-amz-target"}
        async with httpx.AsyncClient(base_url=services.address) as browser:
            preflight = await browser.request("OPTIONS", "/", headers=origin | asked)
            seen = await browser.get("/moto-api/data.json", headers=origin)
        allowed = [name for answer in (preflight, seen) for name in answer.headers if name.startswith("access-control")]
        assert allowed == []
    finally:
        await services.stop()
