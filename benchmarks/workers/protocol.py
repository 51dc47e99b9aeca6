"""A worker prepares one case and runs it when told to, so that several can take turns on one machine.

    argument: the case in JSON    →  {"first": seconds}, the call that compiles
    "run"                         →  {"seconds": of one more call}
    end of input                  →  {"peak": bytes that the process took at most}

Every answer is one line of JSON. This module uses the standard library only, because the environments of workers share
no packages.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

Call = Callable[[], object]  # returns when the result is there
BYTES = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss


def serve(prepare: dict[str, Callable[[dict[str, Any]], Call]]) -> None:
    """Serve the case of the command line, whose "task" names an entry of `prepare`.

    A task that measures accuracy has a call that returns it, a float: it is answered as "error".
    """
    case = json.loads(sys.argv[1])
    call = prepare[case["task"]](case)
    _answer(**_timed(call, "first"))
    for _ in sys.stdin:
        _answer(**_timed(call, "seconds"))
    _answer(peak=BYTES * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _timed(call: Call, name: str) -> dict[str, float | None]:
    """The seconds of one call under a name. The result is dropped, so that its memory is not counted twice."""
    began = time.perf_counter()
    result = call()
    return {name: time.perf_counter() - began, "error": result if isinstance(result, float) else None}


def _answer(**values: object) -> None:
    print(json.dumps(values), flush=True)
