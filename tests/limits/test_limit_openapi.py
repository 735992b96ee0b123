"""What OpenAPI is told of limits: dependencies and middleware, rates and requests at once, by the status of the rule."""

from __future__ import annotations

from typing import Any

from velocipy import Depends, VelociPy
from velocipy.limiter import (
    ConcurrencyMiddleware,
    ConcurrencyRule,
    Limiter,
    RateLimitMiddleware,
    RateLimitRule,
    concurrency,
    rate_limit,
)

LIMITER = Limiter()


def answers_of(*dependencies: Any, middleware: Any = (), **options: Any) -> Any:
    app = VelociPy(middleware=list(middleware), **options)
    app.get("/", dependencies=[Depends(one) for one in dependencies])(lambda: 1)
    responses = app.openapi()["paths"]["/"]["get"]["responses"]
    return {status: answer for status, answer in responses.items() if status != "200"}


def test_a_limit_is_documented_whichever_way_it_is_set() -> None:
    rate = RateLimitRule("r", 1, 60)
    deny = RateLimitRule("d", 1, 60, on_error="deny")
    many, busy = ConcurrencyRule("m", 1), ConcurrencyRule("b", 1, 503)
    for rules, expected in (([rate], ["429"]), ([rate, deny], ["429", "503"])):
        assert list(answers_of(rate_limit(LIMITER, rules))) == expected
        assert list(answers_of(middleware=[RateLimitMiddleware(LIMITER, rules)])) == expected
    for rule, expected in ((many, ["429"]), (busy, ["503"])):
        assert list(answers_of(concurrency(LIMITER, rule))) == expected
        assert list(answers_of(middleware=[ConcurrencyMiddleware(LIMITER, rule)])) == expected
    assert list(answers_of()) == []


def test_problem_details_name_the_type_and_the_rules() -> None:
    app_wide = [RateLimitMiddleware(LIMITER, [RateLimitRule("r", 1, 60)])]
    (answer,) = answers_of(middleware=app_wide, problem_details=True).values()
    assert list(answer["content"]) == ["application/problem+json"]
    assert answer["content"]["application/problem+json"]["schema"]["$ref"].endswith("/RateLimitExceeded")
