"""How many histories a state machine tries: few in every run of the tests, many at night."""

from hypothesis import HealthCheck, Phase, settings

NIGHTLY = "nightly"
_AT_NIGHT = 40


def histories(number: int, *, steps: int) -> settings:
    """So many histories of at most so many steps; forty times as many with HYPOTHESIS_PROFILE=nightly.

    Only at night a failure is made smaller: over a real database that may take minutes.
    """
    nightly = settings.get_current_profile_name() == NIGHTLY
    shrink = (Phase.shrink,) if nightly else ()
    return settings(
        max_examples=number * (_AT_NIGHT if nightly else 1),
        stateful_step_count=steps,
        deadline=None,
        phases=(Phase.explicit, Phase.reuse, Phase.generate, *shrink),
        suppress_health_check=list(HealthCheck),
    )
