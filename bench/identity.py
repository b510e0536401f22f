"""What it costs to find out who asks and whether they may: `python -m bench.identity`, in microseconds a request.

Each scheme's identity is known by heart, as it is for all but one request in seconds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping

from bench.context import Context
from bench.results import Result
from bench.row import Row
from ullage.api.auth import Schemes
from ullage.api.auth.noauth2 import NoAuth2
from ullage.api.auth.tokens import Tokens
from ullage.api.http import Request
from ullage.api.policy import Policy, own
from ullage.model.token import PREFIX, ApiToken
from ullage.settings import Settings

RULE = "placement:allocations:update"
TOKEN = PREFIX + "A" * 43
KNOWN = ApiToken(1, "nova", "services", frozenset({"admin", "service"}), 0, 2**60)
REQUESTS = 20_000
ROUNDS = 7


def microseconds(schemes: Schemes, policy: Policy, headers: Mapping[str, str]) -> tuple[float, float]:
    """(Middle, worst) over rounds of the mean of a request."""
    request = Request("PUT", b"/allocations/x", b"", headers)
    schemes.identify(request, may_wait=True)
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(REQUESTS):
            identity = schemes.identify(request, may_wait=False)
            policy.require(RULE, identity, own(identity), may_wait=False)
        rounds.append((time.perf_counter() - began) / REQUESTS * 1e6)
    return statistics.median(rounds), max(rounds)


def cases() -> dict[str, tuple[Schemes, dict[str, str]]]:
    """Schemes and the headers that they know, by name."""
    tokens = Tokens(lambda digest: KNOWN, 300)
    return {
        "tokens": (Schemes([tokens]), {"x-auth-token": TOKEN}),
        "tokens, bearer": (Schemes([tokens]), {"authorization": f"Bearer {TOKEN}"}),
        "noauth2": (Schemes([NoAuth2()]), {"x-auth-token": "nova:services", "x-roles": "admin,service"}),
        "tokens, then noauth2": (Schemes([tokens, NoAuth2()]), {"x-auth-token": "nova", "x-roles": "service"}),
    }


def measure(context: Context, row: Row, result: Result) -> None:
    """Microseconds that a request takes to find out who asks and whether they may, without the rest of it."""
    schemes, headers = cases()[row.name.removeprefix("identity-")]
    middle, worst = microseconds(schemes, Policy(Settings()), headers)
    result.ullage = {"value": middle, "samples": ROUNDS, "most": worst}


def main() -> None:
    """Print a line for each scheme."""
    policy = Policy(Settings())
    for name, (schemes, headers) in cases().items():
        middle, worst = microseconds(schemes, policy, headers)
        print(f"IDENTITY {name}: {middle:.1f} us a request with its policy decision, at worst {worst:.1f}")


if __name__ == "__main__":
    main()
