"""One golden JSON for every version of every private event, kept for ever beside the tests of its service.

`python -m events.testing.golden SERVICE FOLDER` (or `make golden`) writes those that are missing, and changes none.
A golden holds the shape of the data (JSON Schema), what is personal in it, and one example with every field.
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from events.runtime.private_events import Event, EventTypes

_DIGESTS = "SHA256SUMS"
_TEXTS = {
    "uuid": "00000000-0000-4000-8000-000000000001",
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "duration": "PT1H",
}


class Broken(AssertionError):
    """A promise about stored events does not hold; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Goldens:
    """The goldens of one service."""

    folder: Path
    events: tuple[type[Event], ...]

    @property
    def names(self) -> list[str]:
        """Every version of every event: `Type.v1`."""
        return [f"{one.type}.v{version}" for one in self.events for version in range(1, one.schema_version + 1)]

    def write(self) -> list[str]:
        """Write the newest versions' that are missing; answers their names."""
        self.folder.mkdir(exist_ok=True)
        written = []
        for event_type in self.events:
            name = f"{event_type.type}.v{event_type.schema_version}"
            if not self._file(name).exists():
                self._file(name).write_text(_text(golden(event_type)), encoding="utf-8")
                with (self.folder / _DIGESTS).open("a", encoding="utf-8") as file:
                    file.write(f"{self._digest(name)}  {name}.json\n")
                written.append(name)
        return written

    def check(self) -> None:
        """Raises Broken when a golden is missing, was changed, or is nobody's."""
        found = {file.stem for file in self.folder.glob("*.json")}
        if missing := sorted(set(self.names) - found):
            raise Broken(f"no golden of {', '.join(missing)}: `make golden` writes those of the newest versions")
        kept = self._digests()
        if strangers := sorted((found | kept.keys()) - set(self.names)):
            raise Broken(f"{', '.join(strangers)} is kept and no event says that it was ever written")
        if changed := sorted(name for name in self.names if kept.get(name) != self._digest(name)):
            raise Broken(f"{', '.join(changed)} was changed: what is in stores does not change with it")

    def check_shape(self, event_type: type[Event]) -> None:
        """Raises Broken when the event is no longer written as its version's golden says."""
        kept = self._golden(f"{event_type.type}.v{event_type.schema_version}")
        now = json.loads(_text(golden(event_type)))
        if any(now[part] != kept[part] for part in ("type", "schema_version", "personal", "shape")):
            raise Broken(
                f"{event_type.type} has another shape than version {event_type.schema_version} has in stores: give it "
                "the next schema_version, and the former one an upcaster (`Former`)"
            )

    def check_read(self, name: str) -> Event:
        """The event that a golden reads as. Raises Broken when it does not read, or loses something on the way back."""
        kept = self._golden(name)
        types = EventTypes(self.events)
        personal = types.personal(kept["type"], kept["schema_version"])
        clear = types.clear(kept["type"], kept["schema_version"])
        if {field: owner for field, owner in personal.items() if field not in clear} != kept["personal"]:
            raise Broken(f"{name} was sealed in {kept['personal']}: its `Former` must say so, else nobody can open it")
        event = types.read(kept["type"], kept["schema_version"], json.dumps(kept["data"]))
        if types.read(event.type, event.schema_version, event.model_dump_json()) != event:
            raise Broken(f"{name} is written as something else than it was read as")
        if kept["schema_version"] == event.schema_version and json.loads(event.model_dump_json()) != kept["data"]:
            raise Broken(f"{name} is written otherwise than it is kept")
        # Once the keys are destroyed, what is personal is None; no upcaster may fail on it or make a value of it.
        without = json.dumps(kept["data"] | dict.fromkeys(personal))
        erased = types.read(kept["type"], kept["schema_version"], without)
        if left := [field for field in erased.personal if getattr(erased, field) is not None]:
            raise Broken(f"{name} reads with {', '.join(left)} although the key is destroyed")
        return event

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _golden(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._file(name).read_text(encoding="utf-8"))
        return found

    def _digest(self, name: str) -> str:
        return hashlib.sha256(self._file(name).read_bytes()).hexdigest()

    def _digests(self) -> dict[str, str]:
        file = self.folder / _DIGESTS
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return {name.removesuffix(".json"): digest for digest, name in (line.split("  ") for line in lines)}


def golden(event_type: type[Event]) -> dict[str, Any]:
    """What is kept of the version that is written now."""
    schema = event_type.model_json_schema(mode="serialization")
    return {
        "type": event_type.type,
        "schema_version": event_type.schema_version,
        "personal": event_type.personal,
        "data": _example(schema, schema.get("$defs", {})),
        "shape": _bare(schema),
    }


def _bare(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """Without what is for people."""
    if isinstance(schema, list):
        return [_bare(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        word: {name: _bare(each) for name, each in found.items()} if word in ("properties", "$defs") else _bare(found)
        for word, found in schema.items()
        if word not in ("title", "description")
    }


def _example(  # noqa: C901, PLR0911 - a case for each kind of schema
    schema: Mapping[str, Any], definitions: Mapping[str, Any]
) -> Any:  # noqa: ANN401 - JSON
    """A value that fits, with every field."""
    match schema:
        case {"$ref": str(reference)}:
            return _example(definitions[reference.rpartition("/")[2]], definitions)
        case {"const": value} | {"enum": [value, *_]}:
            return value
        case {"anyOf": choices}:
            return _example(next(one for one in choices if one.get("type") != "null"), definitions)
        case {"type": "object", "properties": fields}:
            return {name: _example(each, definitions) for name, each in fields.items()}
        case {"type": "object", "additionalProperties": dict(value)}:
            name = _example(schema.get("propertyNames", {"type": "string"}), definitions)
            return {str(name): _example(value, definitions)}
        case {"type": "array", "prefixItems": each}:
            return [_example(one, definitions) for one in each]
        case {"type": "array", "items": one}:
            return [_example(one, definitions)]
        case {"type": "integer" | "number"}:
            return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        case {"type": "boolean"}:
            return True
        case {"type": "string"}:
            return _TEXTS.get(schema.get("format", ""), "text")
    raise ValueError(f"no example of {schema}")


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main(arguments: Iterable[str]) -> None:
    """Write the missing goldens of one service."""
    service, folder = arguments
    events = import_module(f"{service}.domain").EVENTS
    for name in Goldens(Path(folder), tuple(events)).write():
        sys.stdout.write(f"{folder}/{name}.json\n")


if __name__ == "__main__":
    main(sys.argv[1:])
