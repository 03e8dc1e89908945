"""The simulator by plain HTTP: the wire formats, streams, scripts, and that it never hides what it is."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from functions.shared.simulator import Simulator

SCHEMA = {"type": "object", "properties": {"label": {"enum": ["a", "b"]}}, "required": ["label"]}
ASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "Say hello."}]}),
    "anthropic": (
        "/v1/messages",
        {
            "model": "m",
            "max_tokens": 9,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Say hello."}]}],
        },
    ),
    "gemini": (
        "/v1beta/models/m:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "Say hello."}]}]},
    ),
    "ollama": ("/api/chat", {"model": "m", "stream": False, "messages": [{"role": "user", "content": "Say hello."}]}),
    "ollama generate": ("/api/generate", {"model": "m", "stream": False, "prompt": "Say hello."}),
}


@pytest.fixture
def client(simulator: Simulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=simulator.url, trust_env=False) as opened:
        yield opened


def said(name: str, body: dict[str, Any]) -> tuple[str, int, int]:
    """Give text, input tokens and output tokens of an answer, as each protocol writes them."""
    match name:
        case "openai":
            usage = body["usage"]
            return body["choices"][0]["message"]["content"], usage["prompt_tokens"], usage["completion_tokens"]
        case "anthropic":
            return body["content"][0]["text"], body["usage"]["input_tokens"], body["usage"]["output_tokens"]
        case "gemini":
            usage = body["usageMetadata"]
            text = body["candidates"][0]["content"]["parts"][0]["text"]
            return text, usage["promptTokenCount"], usage["candidatesTokenCount"]
        case "ollama":
            return body["message"]["content"], body["prompt_eval_count"], body["eval_count"]
        case _:
            return body["response"], body["prompt_eval_count"], body["eval_count"]


@pytest.mark.parametrize("name", ASKS)
def test_an_unscripted_answer_is_labelled_and_the_same_each_time(name: str, client: httpx.Client) -> None:
    path, ask = ASKS[name]
    first, second = (client.post(path, json=ask) for _ in range(2))
    assert first.headers["x-simulated"] == "true"
    text, into, out = said(name, first.json())
    assert text.startswith("[simulated]")
    assert "Say hello." in text
    assert into > 0
    assert out > 0
    assert first.json() == second.json()


@pytest.mark.parametrize("name", ASKS)
def test_a_stream_carries_the_same_text_and_usage(name: str, client: httpx.Client) -> None:
    path, ask = ASKS[name]
    whole = said(name, client.post(path, json=ask).json())
    if name == "gemini":
        path = path.replace(":generateContent", ":streamGenerateContent?alt=sse")
    streamed = client.post(path, json={**ask, "stream": True, "stream_options": {"include_usage": True}})
    lines = [line for line in streamed.text.splitlines() if line]
    if name.startswith("ollama"):
        events = [json.loads(line) for line in lines]
        assert [event["done"] for event in events] == [False] * (len(events) - 1) + [True]
        text = "".join(said(name, {"prompt_eval_count": 0, "eval_count": 0, **event})[0] for event in events)
        assert (text, events[-1]["prompt_eval_count"], events[-1]["eval_count"]) == whole
        return
    assert streamed.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    assert len(events) > 1
    if name == "openai":
        assert lines[-1] == "data: [DONE]"
        text = "".join(event["choices"][0]["delta"].get("content", "") for event in events if event["choices"])
        usage = events[-1]["usage"]
        assert (text, usage["prompt_tokens"], usage["completion_tokens"]) == whole
    if name == "anthropic":
        text = "".join(e["delta"]["text"] for e in events if e["type"] == "content_block_delta")
        start, end = events[0]["message"]["usage"], events[-2]["usage"]
        assert (text, start["input_tokens"], end["output_tokens"]) == whole
        assert events[-1] == {"type": "message_stop"}
    if name == "gemini":
        text = "".join(event["candidates"][0]["content"]["parts"][0]["text"] for event in events)
        usage = events[-1]["usageMetadata"]
        assert (text, usage["promptTokenCount"], usage["candidatesTokenCount"]) == whole


def test_openai_streams_usage_only_when_asked(client: httpx.Client) -> None:
    path, ask = ASKS["openai"]
    streamed = client.post(path, json={**ask, "stream": True}).text
    assert '"usage"' not in streamed


def test_a_script_answers_by_prompt_model_and_provider_in_order(client: httpx.Client) -> None:
    rules = """
    rules:
      - match: {prompt: HELLO, provider: gemini}
        replies: [from gemini]
      - match: {model: big}
        replies: [{status: 429, retry_after: 2}, {json: {n: 1}}, {json: {n: 2}}]
        times: 4
      - replies: [otherwise]
    """
    assert client.post("/__script", content=rules).json() == {"rules": 3}
    path, ask = ASKS["gemini"]
    assert said("gemini", client.post(path, json=ask).json())[0] == "from gemini"
    path, ask = ASKS["openai"]
    answers = [client.post(path, json={**ask, "model": "the-big-one"}) for _ in range(5)]
    assert (answers[0].status_code, answers[0].headers["retry-after"]) == (429, "2")
    assert answers[0].json()["error"]["code"] == "rate_limit_exceeded"
    texts = [said("openai", answer.json())[0] for answer in answers[1:]]
    assert texts == ['{"n": 1}', '{"n": 2}', '{"n": 2}', "otherwise"]


@pytest.mark.parametrize("body", ["rules: [", '{"rules": [{"replies": []}]}', '{"rulez": []}', '[{"replise": ["x"]}]'])
def test_a_script_that_cannot_be_read_is_refused_and_the_old_one_stays(body: str, client: httpx.Client) -> None:
    client.post("/__script", json=[{"replies": ["old"]}])
    refused = client.post("/__script", content=body)
    assert refused.status_code == 422
    assert refused.json()["error"]
    path, ask = ASKS["openai"]
    assert said("openai", client.post(path, json=ask).json())[0] == "old"


def test_calls_are_listed_without_keys(client: httpx.Client) -> None:
    path, ask = ASKS["openai"]
    client.post(path, json=ask, headers={"Authorization": "Bearer sk-123456789", "Idempotency-Key": "k1"})
    (call,) = client.get("/__calls").json()["calls"]
    assert call["headers"]["idempotency-key"] == "k1"
    assert "sk-123456789" not in str(call)
    assert (call["provider"], call["model"], call["path"], call["status"]) == ("openai", "m", path, 200)
    client.post("/__reset")
    assert client.get("/__calls").json() == {"calls": []}


@pytest.mark.parametrize("name", ASKS)
def test_errors_look_like_the_providers(name: str, client: httpx.Client) -> None:
    client.post("/__script", json=[{"replies": [{"status": 401}]}])
    path, ask = ASKS[name]
    refused = client.post(path, json=ask)
    assert refused.status_code == 401
    error = refused.json()["error"]
    expected = {"anthropic": "authentication_error", "gemini": "UNAUTHENTICATED", "openai": "invalid_api_key"}
    kind = error if isinstance(error, str) else error.get("status") or error.get("code") or error["type"]
    assert kind == expected.get(name, "simulated: the key is not valid")


def test_ollama_lists_and_shows_models(client: httpx.Client) -> None:
    assert client.get("/api/tags").json()["models"][0]["name"] == "simulated:latest"
    assert "simulated" in client.post("/api/show", json={"model": "x"}).json()["modelfile"]
    assert client.get("/").json()["simulated"] is True


def test_it_starts_by_itself_with_a_script_and_says_what_to_set(tmp_path: Any) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("- replies: [scripted]\n")
    command = [sys.executable, "-m", "functions.shared.simulator", "--port", "0", "--script", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(8)]
        settings = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines[1:])
        url = settings["OPENAI_BASE_URL"]
        try:
            answer = _post(f"{url}/chat/completions", ASKS["openai"][1])
        finally:
            process.terminate()
    assert said("openai", answer)[0] == "scripted"
    assert "OLLAMA_API_BASE" in settings


def test_it_imports_without_litellm() -> None:
    code = "import sys, functions.shared.simulator; assert 'litellm' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    for _ in range(100):
        try:
            return httpx.post(url, json=body, trust_env=False).json()
        except httpx.ConnectError:
            time.sleep(0.05)
    raise AssertionError(f"{url} did not answer")
