import re
from pathlib import Path

import events.runtime

DOMAIN_WORDS = re.compile(
    r"\b(mentor|mentee|participant|program|pair|session|instrument|proposal|coordinator|reflection)s?\b", re.IGNORECASE
)


def test_the_runtime_names_no_concept_of_the_domain():
    runtime = Path(events.runtime.__file__).parent
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in sorted(runtime.rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if DOMAIN_WORDS.search(line.replace("session advisory lock", ""))
    ]
    assert found == []
