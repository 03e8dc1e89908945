"""Workflow documents that need no model and no network."""

PLAIN = """\
name: plain
input: {who: string, times: {type: integer, min: 1, max: 5, default: 2}}
steps:
  greet: {transform: "Hello ${{ input.who }}"}
  repeat:
    for_each: ${{ [1, 2, 3] }}
    transform: ${{ item * input.times }}
  never:
    when: ${{ input.who == 'nobody' }}
    transform: 1
output: {text: "${{ steps.greet.output }}", numbers: "${{ steps.repeat.output }}"}
"""

APPROVAL = """\
name: refund
input: {amount: number}
steps:
  check: {transform: {amount: "${{ input.amount }}"}}
  approve:
    needs: [check]
    approval:
      message: "Refund ${{ input.amount }} USD?"
      show: ${{ steps.check.output }}
      form: {amount: {type: number, default: "${{ input.amount }}", max: 500}, note: string}
      outcomes: [approve, reject]
      timeout: 24h
  pay:
    needs: [approve]
    when: ${{ steps.approve.output.outcome == 'approve' }}
    transform: {paid: "${{ steps.approve.output.form.amount }}"}
output: ${{ steps.pay.output }}
"""

WAITS = """\
name: waits
steps:
  news: {wait: {event: news, timeout: 1h}}
  pause: {wait: {for: 1h}}
  after: {needs: [news], transform: "${{ steps.news.output }}"}
"""

CODE_FAILS = """\
name: fragile
input: {go: boolean}
steps:
  first: {transform: "made once"}
  each:
    for_each: [1, 2, 3]
    steps:
      double: {transform: "${{ item * 2 }}"}
    output: ${{ steps.double.output }}
  breaks:
    needs: [first]
    code: {python: "result = 1 / inputs['by']", inputs: {by: 0}, timeout: 5s}
    retry: {max_attempts: 1}
  last: {needs: [breaks], transform: "${{ steps.breaks.output }}"}
"""
