"""What the AWS account has: who is asking, the stored secrets, and room for the functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.deploy.aws import AwsProblem
from functions.deploy.finding import fail, ok, warn
from functions.deploy.parameters import BY_NAME, PARAMETERS, problems
from functions.deploy.stage import GIVEN_BY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functions.deploy.finding import Finding
    from functions.deploy.seen import Seen

# What AWS insists to leave unreserved of an account's concurrency.
UNRESERVED = 100
USUAL_CONCURRENCY = 1000
_NO_STACK = {"ValidationError", "ResourceNotFoundException"}


def findings(seen: Seen) -> list[Finding]:
    """Give what was found in the account."""
    account = _account(seen)
    if account.state == "fail":
        return [account, _unseen("secrets", account), _unseen("concurrency", account), _unseen("stack", account)]
    return [account, *_secrets(seen), _concurrency(seen), _stack(seen)]


def _account(seen: Seen) -> Finding:
    if not seen.stage.region:
        return fail("account", "no region is named", "Give --region, or set AWS_REGION.")
    try:
        told = seen.aws.call("sts", "get_caller_identity")
    except AwsProblem as problem:
        return fail("account", str(problem), "Sign in to AWS: `aws configure sso`, or set AWS_PROFILE.")
    return ok("account", f"{told['Account']} in {seen.stage.region} as {told['Arn'].rpartition(':')[2]}")


def _unseen(name: str, because: Finding) -> Finding:
    return fail(name, f"not looked at: {because.found}", because.way_out)


def _secrets(seen: Seen) -> Iterator[Finding]:
    init = f"Run `agentplane deploy --stage {seen.stage.name} --init`: it makes what is missing and replaces nothing."
    if seen.stored is None:
        yield fail("secrets", seen.why, "Allow yourself ssm:GetParameters and kms:Decrypt.")
        return
    wrong = problems(seen.stored)
    for name, problem in wrong.items():
        way_out = init if name not in seen.stored else _anew(seen, name, seen.stored[name].kind)
        yield fail(f"secret {name}", f"{seen.stage.parameter(name)} {problem}", way_out)
    there = [
        parameter.name for parameter in PARAMETERS if parameter.name in seen.stored and parameter.name not in wrong
    ]
    if there:
        yield ok("secrets", f"{len(there)} of {len(PARAMETERS)} stored: {', '.join(there)}")
    if "smtp-url" not in seen.stored and "smtp-url" not in wrong:
        name = BY_NAME["smtp-url"].name
        yield warn(f"secret {name}", "no mail server: the plane sends no mails", f"Set AGENTPLANE_SMTP_URL. {init}")


def _anew(seen: Seen, name: str, kind: str) -> str:
    """Say how a wrong value is replaced; AWS lets nobody change the type of a parameter."""
    path = seen.stage.parameter(name)
    if kind != "SecureString":
        return f"Note its value, delete {path}, and store it again as a SecureString."
    if name in GIVEN_BY:
        return f"Set {GIVEN_BY[name]} and run `agentplane deploy --stage {seen.stage.name} --rotate {name}`."
    return f"Store {path} again from your copy; it holds {BY_NAME[name].means}."


def _concurrency(seen: Seen) -> Finding:
    """Compare what the functions reserve with what the account has left."""
    try:
        limits = seen.aws.call("lambda", "get_account_settings")["AccountLimit"]
    except AwsProblem as problem:
        return warn("concurrency", f"not known: {problem}", "Allow yourself lambda:GetAccountSettings.")
    most = int(limits["ConcurrentExecutions"])
    reserved = seen.manifest().functions.values()
    wanted = sum(function.reserved_concurrency or 0 for function in reserved)
    elsewhere = max(0, most - int(limits.get("UnreservedConcurrentExecutions", most)) - _reserved_here(seen))
    if wanted + elsewhere + UNRESERVED > most:
        left = max(0, most - elsewhere - UNRESERVED)
        return fail(
            "concurrency",
            f"the functions reserve {wanted} of the account's {most}; {left} can be reserved",
            "Ask for more (Service Quotas, Lambda, Concurrent executions), or lower `params` in serverless.yml.",
        )
    if most < USUAL_CONCURRENCY:
        return warn(
            "concurrency",
            f"the account has {most}, new accounts start low; the functions reserve {wanted}",
            "Ask for 1,000 or more (Service Quotas, Lambda, Concurrent executions) before there is load.",
        )
    return ok("concurrency", f"{wanted} of the account's {most} are reserved")


def _reserved_here(seen: Seen) -> int:
    """Count what this stage has reserved already, by an earlier deployment."""
    total = 0
    for name, function in seen.manifest().functions.items():
        if function.reserved_concurrency:
            try:
                told = seen.aws.call("lambda", "get_function_concurrency", FunctionName=seen.stage.function(name))
            except AwsProblem:
                continue
            total += int(told.get("ReservedConcurrentExecutions") or 0)
    return total


def _stack(seen: Seen) -> Finding:
    try:
        stacks = seen.aws.call("cloudformation", "describe_stacks", StackName=seen.stage.stack)["Stacks"]
    except AwsProblem as problem:
        if problem.code in _NO_STACK and "does not exist" in str(problem):
            return ok("stack", f"{seen.stage.stack} is not there yet: this is the first deployment")
        return warn("stack", f"not known: {problem}", "Allow yourself cloudformation:DescribeStacks.")
    status = str(stacks[0]["StackStatus"])
    if status.endswith("_IN_PROGRESS"):
        return fail("stack", f"{seen.stage.stack} is {status}", "Wait until the other deployment has ended.")
    if status in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}:
        return fail(
            "stack",
            f"{seen.stage.stack} is {status}",
            f"Delete it: `osls remove --stage {seen.stage.name}`. Data stays.",
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        return fail(
            "stack",
            f"{seen.stage.stack} is {status}",
            f"Run `aws cloudformation continue-update-rollback --stack-name {seen.stage.stack}`.",
        )
    return ok("stack", f"{seen.stage.stack} is {status}")
