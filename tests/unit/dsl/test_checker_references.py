"""References: names, visibility, cycles, shadowing, secrets, static types, constants, models."""

from __future__ import annotations

import pytest

from functions.shared.dsl.catalogue import KEY_VARIABLES
from tests.unit.dsl.documents import codes_of, only, problems_of

CLASSIFY = """
    models: {default: ollama/llama3.2}
    input:
      text: string
      count: {type: integer, default: 1}
      tags: {type: array, items: string, optional: true}
    steps:
      classify: {llm: {prompt: x, output: {label: {enum: [refund, question]}, amount: number, lines: {type: array, items: {properties: {sku: string}}}}}}
      page: {http: {url: "https://x.y"}}
      ask: {approval: {message: x, form: {amount: number}, outcomes: [yes, no]}}
      many: {for_each: "${{ input.tags }}", transform: {tag: "${{ item }}", n: "${{ index + 1 }}"}}
      plain: {llm: {prompt: x}}
      it: {transform: "${{ EXPRESSION }}"}
"""  # noqa: E501


@pytest.mark.parametrize(
    "expression",
    [
        "steps.classify.output.label == 'refund'", "steps.classify.output.amount * 2 > input.count",
        "steps.classify.output.lines[0].sku + 'x'", "steps.classify.output.lines | map(attribute='sku') | join(',')",
        "steps.page.output.status == 200 and steps.page.output.body.any.thing", "steps.page.output.headers['x']",
        "steps.ask.output.outcome == 'yes'", "steps.ask.output.form.amount > 1",
        "steps.ask.output.decided_by.label == 'x'",
        "steps.many.output[0].tag | upper", "steps.many.output | map(attribute='n') | sum", "steps.plain.output.text",
        "steps.classify.error.code == 'x'", "steps.classify.status == 'failed'", "steps.many.exhausted",
        "steps['classify'].output['label']", "input.text[:10]", "input.tags | default([]) | length > 0",
        "input.count in [1, 2]", "input.count if input.text else 'none'",
        "steps.classify.output.label in ['refund', 'question']",
        "(input.count | string) + 'x'", "input.text == none",
    ],
)  # fmt: skip
def test_a_correct_reference_is_accepted(expression: str) -> None:
    assert problems_of(CLASSIFY.replace("EXPRESSION", expression)) == []


@pytest.mark.parametrize(
    ("expression", "code", "hint"),
    [
        ("steps.clasify.output.label", "unknown_step", "Did you mean `classify`?"),
        ("steps.classify.output.labl", "unknown_field", "Did you mean `label`?"),
        ("steps.classify.label", "unknown_field",
        "Write `steps.classify.output.label`; a step has output, skipped, failed, error, exhausted, status."),
        ("steps.classify.outputs.label", "unknown_field", "Did you mean `output`?"),
        ("steps.classify", "incomplete_reference", "Write `steps.classify.output`."),
        ("steps | tojson", "dynamic_reference", "Write `steps.name.output`, so that it is known what must end first."),
        ("steps[input.text].output", "dynamic_reference", None),
        ("steps.it.output", "needs_itself", None),
        ("input.txt", "unknown_field", "Did you mean `text`?"),
        ("inputs.text", "unknown_name", "Write `input`."),
        ("classify.output", "unknown_name", "Write `steps.classify.output`."),
        ("text", "unknown_name", "Write `input.text`."),
        ("item", "unknown_name", None),
        ("loop.index", "unknown_name", None),
        ("error.code", "unknown_name", None),
        ("null", "unknown_name", "Write `none` for null."),
        ("secrets.KEY", "secret_in_expression", None),
        ("steps.classify.output.lines.sku", "unknown_field", None),
        ("steps.classify.output.lines | map(attribute='sky')", "unknown_field", "Did you mean `sku`?"),
        ("steps.classify.output.label.x", "unknown_field", None),
        ("steps.plain.output.txt", "unknown_field", "Did you mean `text`?"),
        ("steps.page.output.json", "unknown_field", None),
        ("steps.many.output.tag", "unknown_field", None),
        ("steps.many.output[0].tga", "unknown_field", "Did you mean `tag`?"),
        ("steps.ask.output.form.amonut", "unknown_field", "Did you mean `amount`?"),
        ("steps.classify.output.amount > '100'", "type_mismatch",
        "Write the number without quotes, or convert the text with `| int` or `| float`."),
        ("steps.classify.output.label + 1", "type_mismatch", None),
        ("input.text * 2", "type_mismatch", None),
        ("-input.text", "type_mismatch", None),
        ("steps.classify.output.amount == '100'", "never_equal", None),
        ("input.count != 'x'", "never_equal", None),
        ("steps.classify.output.label == 'refnd'", "not_in_enum", "Did you mean `refund`?"),
        ("'other' == steps.classify.output.label", "not_in_enum", "It is one of refund, question."),
        ("steps.classify.output.label in ['refund', 'other']", "not_in_enum", None),
        ("steps.ask.output.outcome == 'approve'", "not_in_enum", "It is one of yes, no."),
        ("steps.classify.status == 'success'", "not_in_enum", None),
        ("input.text | uper", "expression_not_allowed", "Did you mean `upper`?"),
        ("input.text.upper()", "expression_not_allowed", None),
        ("input.count ** 2", "expression_not_allowed", None),
        ("input.text is string", "expression_not_allowed", None),
        ("input.count +", "expression_syntax", None),
        ("input.count && 1", "expression_syntax", "Write `and` instead of `&&`."),
        ("x if input.count", "expression_syntax", None),
    ],
)  # fmt: skip
def test_a_wrong_reference_is_explained(expression: str, code: str, hint: str | None) -> None:
    problem = only(CLASSIFY.replace("EXPRESSION", expression), code)
    assert (problem.path, problem.line, problem.column) == ("steps.it.transform", 12, 20)
    is_warning = code in {"never_equal", "not_in_enum"}
    assert problem.severity == ("warning" if is_warning else "error")
    if hint is not None:
        assert problem.hint == hint


def test_a_wrong_name_in_a_prompts_loop_is_found_and_its_own_name_is_known() -> None:
    text = """
    input: {people: {type: array, items: {properties: {name: string}}}}
    steps:
      it:
        llm:
          model: ollama/llama3.2
          prompt: |
            ${% for p in input.people %}
            ${{ p.name }} ${{ q.name }}
            ${% endfor %}
            ${% for x in input.poeple %}${% endfor %}
    """
    assert [(problem.code, problem.line, problem.column) for problem in problems_of(text)] == [
        ("unknown_name", 8, 23),
        ("unknown_field", 10, 9),
    ]


def test_a_wrong_tag_of_a_prompt_is_found() -> None:
    text = "steps: {it: {llm: {model: ollama/x, prompt: '${% fro x in input %}'}}}"
    assert only(text, "expression_not_allowed").hint == "Did you mean `for`?"


def test_an_unclosed_expression_in_a_text_is_found() -> None:
    problem = only("steps:\n  it: {transform: 'a ${{ input.x'}\n", "expression_syntax")
    assert (problem.line, problem.column) == (2, 22)
    assert problem.message == "`${{` is not closed by `}}`"


NESTED = """
    steps:
      first: {transform: 1}
      outer:
        steps:
          a: {transform: "${{ steps.first.output }}"}
          b: {transform: "${{ A }}"}
        output: ${{ steps.b.output }}
      other:
        steps:
          c: {transform: 1}
      last: {transform: "${{ B }}"}
"""


def test_siblings_and_outer_steps_are_visible_and_nothing_else() -> None:
    def codes(a: str = "1", b: str = "1") -> list[str]:
        return codes_of(NESTED.replace("A }}", f"{a} }}}}").replace("B }}", f"{b} }}}}"))

    assert codes("steps.a.output + steps.first.output + steps.other.output.c", "steps.outer.output") == []
    assert codes("steps.c.output") == ["not_visible"]
    assert codes(b="steps.a.output") == ["not_visible"]
    assert codes("steps.outer.output") == ["needs_itself"]
    hidden = [
        problem.hint for problem in problems_of(NESTED.replace("A }}", "1 }}").replace("B }}", "steps.a.output }}"))
    ]
    assert hidden == ["Give it out by `output` of the group and write `steps.outer.output`."]


@pytest.mark.parametrize(
    ("needs", "code"),
    [("[it]", "needs_itself"), ("[nope]", "unknown_step"), ("[inner]", "not_visible"), ("[group]", None)],
)
def test_needs_name_siblings(needs: str, code: str | None) -> None:
    text = f"steps:\n  group: {{steps: {{inner: {{transform: 1}}}}}}\n  it: {{needs: {needs}, transform: 1}}\n"
    assert codes_of(text) == ([] if code is None else [code])


def test_a_nested_step_cannot_need_an_outer_one() -> None:
    text = "steps:\n  a: {transform: 1}\n  g: {steps: {b: {needs: [a], transform: 1}}}\n"
    assert only(text, "not_visible").hint == "A step inside a group waits for what the group needs: put it there."


def test_a_cycle_is_named_once() -> None:
    text = """
    steps:
      a: {transform: "${{ steps.c.output }}"}
      b: {needs: [a], transform: 1}
      c: {steps: {inner: {transform: "${{ steps.b.output }}"}}}
      d: {needs: [c], transform: 1}
    """
    problem = only(text, "cycle")
    assert problem.message == "These steps wait for each other: a -> c -> b -> a"
    assert (problem.path, problem.line) == ("steps.a", 2)


def test_two_knots_are_two_cycles() -> None:
    needs = {"a": "b", "b": "a", "c": "d", "d": "c"}
    knots = ", ".join(f"{name}: {{needs: [{need}], transform: 1}}" for name, need in needs.items())
    assert codes_of(f"steps: {{{knots}}}") == ["cycle", "cycle"]


def test_a_nested_name_may_not_shadow_a_visible_one_but_cousins_may_share() -> None:
    assert (
        only("steps: {a: {transform: 1}, g: {steps: {a: {transform: 1}}}}", "shadowed_name").path == "steps.g.steps.a"
    )
    assert codes_of("steps: {g: {steps: {a: {transform: 1}}}, h: {steps: {a: {transform: 1}}}}") == []
    assert codes_of("steps: {a: {transform: 1}}\non_error: {steps: {a: {transform: 1}}}") == ["shadowed_name"]


def test_the_steps_of_on_error_see_the_error_and_the_steps_above() -> None:
    text = """
    steps: {a: {transform: 1}}
    on_error:
      steps:
        b: {transform: "${{ error.code }} ${{ steps.a.output }} ${{ steps.c.output }}"}
        c: {transform: 1}
    """
    assert codes_of(text) == []
    assert codes_of(text.replace("steps: {a: {transform: 1}}", "steps: {a: {transform: '${{ steps.b.output }}'}}")) == [
        "not_visible"
    ]


def test_item_index_and_loop_exist_where_they_should() -> None:
    text = """
    steps:
      each:
        for_each: [a, b]
        when: WHEN
        steps:
          inner: {transform: "${{ item }}${{ index }}"}
      again:
        loop: {max: 3, until: "${{ loop.output.x > 1 and loop.index > 0 and steps.body.output > 1 }}"}
        steps:
          body: {transform: "${{ loop.index + (loop.previous | default({'x': 0})).x }}"}
        output: {x: "${{ steps.body.output }}"}
    """
    assert codes_of(text.replace("WHEN", "true == true")) == ["constant_condition"]
    assert codes_of(text.replace("WHEN", "item == 1")) == ["unknown_name"]
    assert codes_of(text.replace("WHEN", "1 in [2]").replace("loop.index + (", "loop.output + (")) == [
        "constant_condition",
        "unknown_field",
    ]


def test_for_each_over_a_text_is_an_error() -> None:
    assert codes_of("input: {t: string}\nsteps: {a: {for_each: input.t, transform: 1}}") == ["type_mismatch"]


def test_secrets_must_be_declared_and_stay_out_of_expressions() -> None:
    text = """
    secrets: [API_KEY]
    steps:
      a:
        http:
          url: https://x.y
          auth: {bearer: AUTH}
          headers: {X-Key: {secret: API_KEY, prefix: "Token "}}
          json: JSON
    """
    assert codes_of(text.replace("AUTH", "API_KEY").replace("JSON", "1")) == []
    assert (
        only(text.replace("AUTH", "API_KYE").replace("JSON", "1"), "unknown_secret").hint == "Did you mean `API_KEY`?"
    )
    assert codes_of(text.replace("AUTH", '"${{ secrets.API_KEY }}"').replace("JSON", "1")) == ["bad_name"]
    for expression in ("${{ secrets.API_KEY }}", "${{ API_KEY }}"):
        problem = only(text.replace("AUTH", "API_KEY").replace("JSON", f'"{expression}"'), "secret_in_expression")
        assert problem.line == 8


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("1 == 2", "This is always false: `a` never runs"),
        ("false", "This is always false: `a` never runs"),
        ('"${{ false and true }}"', "This is always false: `a` never runs"),
        ("'x' in ['x']", "This is always true"),
    ],
)
def test_a_constant_condition_is_a_warning(condition: str, message: str) -> None:
    problem = only(f"steps:\n  a: {{when: {condition!s}, transform: 1}}\n" if "'" not in condition else
                   f'steps:\n  a:\n    when: "{condition}"\n    transform: 1\n', "constant_condition")  # fmt: skip
    assert (problem.message, problem.severity) == (message, "warning")


def test_what_hangs_on_a_step_that_never_runs_is_unreachable() -> None:
    text = """
    steps:
      never: {when: false, transform: 1}
      also: {transform: "${{ steps.never.output }}"}
      chain: {needs: [also], transform: 1}
      join: {needs: [also, live], transform: 1}
      strict: {needs: [also, live], requires: all, transform: 1}
      cleanup: {needs: [also], requires: ended, transform: 1}
      live: {transform: 1}
      stop: {fail: no}
      after: {needs: [stop, live], transform: 1}
    """
    assert [(problem.code, problem.path) for problem in problems_of(text)] == [
        ("constant_condition", "steps.never.when"),
        ("unreachable", "steps.also"),
        ("unreachable", "steps.chain"),
        ("unreachable", "steps.strict"),
        ("unreachable", "steps.after"),
    ]


def test_models_are_declared_aliases_or_whole_ids() -> None:
    assert codes_of("steps: {a: {llm: {prompt: x}}}") == ["unknown_model"]
    assert codes_of("models: {default: ollama/x}\nsteps: {a: {llm: {prompt: x, fallback: [smrt, ollama/y]}}}") == [
        "unknown_model"
    ]
    text = "models: {smart: ollama/x}\nsteps: {a: {llm: {prompt: x, model: smrt}}}"
    assert only(text, "unknown_model").hint == "Did you mean `smart`?"


def test_a_missing_model_key_names_the_variable_and_the_model() -> None:
    models = "models: {default: openai/gpt-5, spare: anthropic/claude, unused: xai/grok}"
    text = f"{models}\nsteps: {{a: {{llm: {{prompt: x, fallback: [spare]}}}}}}"
    found = problems_of(text, environment={"ANTHROPIC_API_KEY": "k"})
    assert [(problem.code, problem.severity, problem.path) for problem in found] == [
        ("model_key_missing", "warning", "models.default")
    ]
    assert found[0].message == "The model openai/gpt-5 needs OPENAI_API_KEY, which is not set"


@pytest.mark.parametrize("provider", sorted(KEY_VARIABLES))
def test_a_provider_with_its_key_is_silent(provider: str) -> None:
    text = f"models: {{default: {provider}/m}}\nsteps: {{a: {{llm: {{prompt: x}}}}}}"
    assert codes_of(text, environment=dict.fromkeys(KEY_VARIABLES[provider][-1:], "k")) == []
    assert codes_of(text, environment={}) == (["model_key_missing"] if KEY_VARIABLES[provider] else [])


def test_a_bare_name_of_a_known_family_is_enough() -> None:
    assert codes_of("models: {default: gpt-4o}\nsteps: {a: {llm: {prompt: x}}}", environment={}) == [
        "model_key_missing"
    ]


def test_an_address_of_the_provider_s_own_needs_no_key() -> None:
    text = "models: {default: openai/x}\nsteps: {a: {llm: {prompt: x}}}"
    assert codes_of(text, environment={"OPENAI_BASE_URL": "http://localhost:1/v1"}) == []


def test_a_provider_that_nobody_set_up_is_named_with_what_was_meant() -> None:
    text = "steps: {a: {llm: {prompt: x, model: antropic/m}}}"
    problem = only(text, "unknown_provider", environment={})
    assert problem.severity == "error"
    assert problem.hint is not None
    assert problem.hint.startswith("Did you mean `anthropic`?")
    assert codes_of(text) == []
    assert codes_of(text, environment={"AGENTPLANE_MODEL_PROVIDERS": "other, antropic"}) == []
    bedrock = "steps: {a: {llm: {prompt: x, model: bedrock/m}}}"
    assert only(bedrock, "provider_not_set_up", environment={}).severity == "warning"


def test_a_model_is_a_name_and_never_an_address() -> None:
    text = "models: {default: 'oobabooga/http://127.0.0.1:1/api?'}\nsteps: {a: {llm: {prompt: x}}}"
    assert codes_of(text) == ["unknown_provider"]
    assert codes_of("steps: {a: {llm: {prompt: x, fallback: [openai/../files], model: ollama/x}}}") == [
        "unknown_provider"
    ]
