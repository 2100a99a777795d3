from pathlib import Path

from chaos.journal import Asked, Effect, Outcome, read, writing

EFFECT = Effect("sessions", "SessionPlanned", {"stream": "a", "starts_at": "b"})


def test_what_was_asked_and_never_ended_is_unknown(tmp_path: Path):
    with writing(tmp_path / "journal") as journal:
        first, second = (journal.asked("plan", EFFECT) for _ in range(2))
        journal.ended(second, Outcome.OK, "201")
        journal.began("trace")
        journal.poisoned("garbage")
    record = read((tmp_path / "journal").read_text().splitlines(keepends=True))
    assert record.commands == (
        Asked(first, "plan", EFFECT),
        Asked(second, "plan", EFFECT, Outcome.OK, "201"),
    )
    assert record.counts == {"ok": 1, "failed": 0, "unknown": 1}
    assert (record.traces, record.poison) == ({"trace"}, {"garbage"})


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path):
    with writing(tmp_path / "journal") as journal:
        journal.asked("plan", EFFECT)
        journal.ended(0, Outcome.OK)
    text = (tmp_path / "journal").read_text()
    assert read(text[:-3].splitlines(keepends=True)).counts == {"ok": 0, "failed": 0, "unknown": 1}
