"""Documents that the tests of the language share."""

from __future__ import annotations

import textwrap

from functions.shared.dsl.checker import check
from functions.shared.dsl.problems import Problem

# The document at the top of the language's design, word for word.
DESIGN = """\
name: ticket-refund                      # slug, unique in the organisation
description: Triage a ticket and refund with approval
models:                                  # aliases to litellm model ids; switching provider is this one line
  default: anthropic/claude-haiku-4-5
  smart: anthropic/claude-opus-4-5
input:                                   # schema shorthand (below) or a JSON Schema
  text: {type: string, max_length: 20000}
  locale: {type: string, default: en}
limits: {timeout: 24h, budget_usd: 0.50, max_steps: 500, on_budget: ask}     # stop | ask
defaults: {retry: {max_attempts: 3, backoff: exponential, first: 1s, longest: 30s}, timeout: 60s}
secrets: [STRIPE_KEY]                    # names only
steps:
  classify:
    llm:
      prompt: |
        Classify this ticket and extract the amount in dollars (0 if none).
        ${{ input.text }}
      output: {label: {enum: [refund, question, other]}, amount: number}
  sources:
    for_each: ["faq", "orders", "policy"]        # or an expression; `item` and `index` inside
    max_parallel: 3
    on_item_error: continue                      # fail | continue
    tool: {name: web_fetch, with: {url: "https://help.example.com/${{ item }}"}}
  approve:
    when: ${{ steps.classify.output.label == 'refund' and steps.classify.output.amount > 100 }}
    approval:
      message: "Refund ${{ steps.classify.output.amount }} USD?"
      show: ${{ steps.classify.output }}
      form: {amount: {type: number, default: "${{ steps.classify.output.amount }}"}, note: {type: string, optional: true}}
      outcomes: [approve, reject]
      timeout: 24h
      on_timeout: reject
  polish:
    needs: [sources]
    loop: {max: 3, until: "${{ steps.critic.output.score >= 8 }}"}           # a group with a body, repeated
    steps:
      draft:  {llm: {model: smart, prompt: "Draft a reply. Facts: ${{ steps.sources.output }} Previous: ${{ loop.previous | default('none') }}"}}
      critic: {llm: {prompt: "Score 0-10: ${{ steps.draft.output.text }}", output: {score: integer, advice: string}}}
    output: ${{ steps.draft.output.text }}
  refund:
    needs: [approve, polish]
    when: ${{ steps.approve.skipped or steps.approve.output.outcome == 'approve' }}
    http: {method: POST, url: "https://api.example.com/refunds", auth: {bearer: STRIPE_KEY}, json: {amount: "${{ steps.classify.output.amount }}"}}
output: {reply: "${{ steps.polish.output }}"}
tests:
  - name: a small refund needs nobody
    input: {text: "charged twice, 5 dollars"}
    mock: {classify: {label: refund, amount: 5}, sources: [[], [], []], polish.draft: {text: ok}, polish.critic: {score: 9, advice: ""}, refund: {status: 200}}
    expect: {status: succeeded, skipped: [approve]}
"""  # noqa: E501  the design's own lines


def problems_of(text: str, **options: dict[str, str]) -> list[Problem]:
    """Check a document; one without a name or steps gets some."""
    text = textwrap.dedent(text).lstrip("\n")
    if "steps:" not in text:
        text += "\nsteps: {only: {transform: 1}}\n"
    if not text.startswith("name:") and "\nname:" not in text:
        text += "\nname: a-test\n"
    return check(text, **options).problems  # type: ignore[arg-type]


def codes_of(text: str, **options: dict[str, str]) -> list[str]:
    """Give the codes of what is wrong with a document, in the order of the text."""
    return [problem.code for problem in problems_of(text, **options)]


def only(text: str, code: str, **options: dict[str, str]) -> Problem:
    """Give the one problem of a document, which must have this code."""
    found = problems_of(text, **options)
    assert [problem.code for problem in found] == [code], found
    return found[0]
