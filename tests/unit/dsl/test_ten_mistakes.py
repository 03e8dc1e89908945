"""A realistic document with ten different mistakes gives ten findings in one answer, each with its place."""

from __future__ import annotations

from functions.shared.dsl.checker import check
from tests.unit.dsl.documents import DESIGN

TEN = """\
name: support-refund
description: Triage a ticket, ask a person, refund
models:
  default: openai/gpt-4o-mini
input:
  ticket: {type: string, max_length: 4000}
  locale: {type: str, default: en}
secrets: [STRIPE_KEY]
steps:
  classify:
    llm:
      model: smart
      promt: Classify the ticket.
      prompt: |
        Classify this ticket:
        ${{ input.tiket }}
      output: {label: {enum: [refund, question]}, amount: number}
  lookup:
    tool: {name: web_fech, with: {url: "https://example.com/${{ steps.classify.output.labl }}"}}
  approve:
    when: ${{ steps.classify.output.label == 'refund' }}
    retry: {max_attempts: 2}
    approval:
      message: Refund ${{ steps.classify.output.amount }} USD?
      timeout: 2 hours
  refund:
    needs: [aprove]
    http:
      method: POST
      url: https://api.example.com/refunds
      auth: {bearer: STRIPE_TOKEN}
      json: {amount: "${{ steps.classify.output.amount }}"}
output: {status: "${{ steps.refund.output.status }}"}
"""


def test_ten_mistakes_give_ten_findings_with_line_column_and_hint() -> None:
    checked = check(TEN)
    assert checked.workflow is None
    assert [(problem.line, problem.column, problem.code, problem.path) for problem in checked.problems] == [
        (7, 12, "bad_schema", "input.locale.type"),
        (12, 7, "unknown_model", "steps.classify.llm.model"),
        (13, 7, "unknown_key", "steps.classify.llm.promt"),
        (16, 9, "unknown_field", "steps.classify.llm.prompt"),
        (19, 12, "unknown_tool", "steps.lookup.tool.name"),
        (19, 61, "unknown_field", "steps.lookup.tool.with.url"),
        (22, 5, "retry_not_allowed", "steps.approve.retry"),
        (25, 7, "bad_duration", "steps.approve.approval.timeout"),
        (27, 13, "unknown_step", "steps.refund.needs[0]"),
        (31, 14, "unknown_secret", "steps.refund.http.auth.bearer"),
    ]
    hints = [problem.hint for problem in checked.problems]
    assert hints == [
        "Write `string`.",
        "Add `models: {smart: provider/model}`.",
        "Did you mean `prompt`?",
        "Did you mean `ticket`?",
        "Did you mean `web_fetch`?",
        "Did you mean `label`?",
        "Remove it.",
        "Write a number and ms, s, m, h or d, such as 90s or 1.5h.",
        "Did you mean `approve`?",
        "Did you mean `STRIPE_KEY`?",
    ]


def test_a_yaml_slip_hides_none_of_them() -> None:
    broken = (
        TEN.replace('"${{ steps.classify.output.amount }}"', "${{ steps.classify.output.amount }}") + "name: again\n"
    )
    codes = {problem.code for problem in check(broken).problems}
    assert codes == {problem.code for problem in check(TEN).problems} | {"unquoted_expression", "duplicate_key"}


def test_the_design_document_has_no_problem_at_all() -> None:
    checked = check(DESIGN, environment={"ANTHROPIC_API_KEY": "k"})
    assert checked.problems == []
    assert checked.workflow is not None


def test_an_object_is_checked_as_its_text_is() -> None:
    document = check(TEN).document
    assert document is not None
    from_object = check(document)
    assert {(problem.path, problem.code) for problem in from_object.problems} == {
        (problem.path, problem.code) for problem in check(TEN).problems
    }
    assert all(problem.line is None for problem in from_object.problems)
