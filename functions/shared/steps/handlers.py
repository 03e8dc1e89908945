"""One handler a kind of step. Heavy libraries are imported inside the calls that need them."""

from functions.shared.steps.base import Handler
from functions.shared.steps.code import CodeStep
from functions.shared.steps.emit import run_emit
from functions.shared.steps.http_call import run_http
from functions.shared.steps.interpret import run_interpret
from functions.shared.steps.llm import prepare_models, run_llm
from functions.shared.steps.memory import run_memory
from functions.shared.steps.redaction import Guarded
from functions.shared.steps.state import run_state
from functions.shared.steps.tool import run_tool

HANDLERS: dict[str, Handler] = {
    "llm": Guarded(run_llm, ready=prepare_models),
    "http": Guarded(run_http),
    "code": Guarded(CodeStep()),
    "tool": Guarded(run_tool),
    "state": Guarded(run_state),
    "memory": Guarded(run_memory),
    "interpret": Guarded(run_interpret),
    "emit": Guarded(run_emit),
}
