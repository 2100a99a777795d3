from chaos.faults import FAULTS
from chaos.schedule import digest, draw

KINDS = tuple(FAULTS.values())


def test_the_same_seed_repeats_the_same_schedule():
    assert draw(7, 120, 40, KINDS) == draw(7, 120, 40, KINDS[::-1])
    assert digest(draw(7, 120, 40, KINDS)) == digest(draw(7, 120, 40, KINDS))


def test_another_seed_gives_another_schedule():
    assert digest(draw(7, 120, 40, KINDS)) != digest(draw(8, 120, 40, KINDS))


def test_every_kind_comes_as_often_as_any_other():
    times = [injection.fault for injection in draw(3, 600, 3 * len(KINDS), KINDS)]
    assert {times.count(name) for name in FAULTS} == {3}


def test_two_faults_never_hit_the_same_at_once():
    for seed in range(50):
        free_at: dict[str, float] = {}
        for injection in draw(seed, 60, 30, KINDS):
            target = FAULTS[injection.fault].target(injection.parameters)
            assert injection.at >= free_at.get(target, 0.0)
            free_at[target] = injection.at + injection.lasts
