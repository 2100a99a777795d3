"""What one cell of a sign-up file may hold. Each function answers the value or raises Misfit: what to mend, and how."""

import re
import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache, lru_cache
from zoneinfo import available_timezones

import langcodes
from langcodes.tag_parser import LanguageTagError

from events.contracts.kinds import Role

MOST_TOPICS = 20
LONGEST_TOPIC = 60
MOST_LANGUAGES = 20
MOST_GRADES = 100
DEFAULT_LEVEL = 3
LONGEST_WISH = 120
"""Identity and wish together, sealed and in base64, must fit into the 2,000 characters of the published field."""

_HOURS = re.compile(r"(\d{1,2}):(\d{2})\s*[-\u2013]\s*(\d{1,2}):(\d{2})")
_EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\.]+(\.[^\s@<>,;:\"()\[\]\\.]+)+")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*")
_NOBODY_SPEAKS = frozenset({"und", "mul", "mis", "zxx"})
"""Codes of ISO 639 that name no language."""


class Misfit(ValueError):
    """What is wrong with a cell, and how to mend it: one or two sentences."""


def quoted(value: str) -> str:
    """The value as a message shows it: short, on one line."""
    shown = " ".join(value.split())
    return f"“{shown[:60]}…”" if len(shown) > 60 else f"“{shown}”"  # noqa: PLR2004 - a line on a screen


def text(value: str, *, longest: int, required: bool = False) -> str:
    """Plain text on one line: outer space cut, inner space folded (line breaks too), composed (Unicode NFC)."""
    plain = unicodedata.normalize("NFC", " ".join(value.split()))
    if required and not plain:
        raise Misfit("It is empty and must not be.")
    if len(plain) > longest:
        raise Misfit(f"It has {len(plain)} characters; at most {longest} fit.")
    for character in "" if plain.isprintable() else plain:
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise Misfit(f"It holds the character U+{ord(character):04X}, which is no text. Take it out.")
    return plain


def email(value: str) -> str:
    """An address as `local@domain` (RFC 5322 addr-spec without quoting or comments)."""
    address = text(value, longest=254, required=True)
    if not _EMAIL.fullmatch(address):
        raise Misfit("This is no e-mail address. Write it as name@example.com.")
    return address


def role(value: str) -> Role | None:
    """The role, or None for `auto`."""
    word = text(value, longest=20).casefold()
    if word == "auto":
        return None
    try:
        return Role(word)
    except ValueError:
        raise Misfit(f"{quoted(value)} is no role. Write mentor, mentee or auto.") from None


def grade(value: str, ladder: Sequence[str]) -> int:
    """A rank from 1 (most junior), given as such or by its name on the program's grade ladder."""
    word = text(value, longest=60, required=True)
    by_name = {name.casefold(): rank for rank, name in enumerate(ladder, start=1)}
    if word.casefold() in by_name:
        return by_name[word.casefold()]
    highest = len(ladder) or MOST_GRADES
    if word.isascii() and word.isdigit() and len(word) <= 3 and 1 <= int(word) <= highest:  # noqa: PLR2004 - 100 has 3
        return int(word)
    names = f" or one of {_listed(ladder)}" if ladder else ""
    raise Misfit(f"{quoted(word)} is no grade of this program. Write a rank from 1 to {highest}{names}.")


def region(value: str, regions: Sequence[str]) -> str:
    """A region of the program, in the program's spelling."""
    word = text(value, longest=60, required=True)
    for name in regions:
        if name.casefold() == word.casefold():
            return name
    raise Misfit(f"{quoted(word)} is no region of this program. Write one of {_listed(regions)}.")


def time_zone(value: str) -> str:
    """A name of the IANA time zone database."""
    name = text(value, longest=60, required=True)
    if name in _zones():
        return name
    raise Misfit(f"{quoted(name)} is no IANA time zone. {_hint_of_zone(name)}")


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - {"Factory", "localtime", "posixrules"}


@lru_cache(maxsize=1024)
def _hint_of_zone(name: str) -> str:
    close = get_close_matches(name, _zones(), n=1)
    return f"Is it {close[0]}?" if close else "Write it as Europe/Berlin."


def working_hours(value: str, default: str) -> str:
    """`HH:MM-HH:MM` on one day; the program's hours when the cell is empty."""
    given = text(value, longest=20)
    if not given:
        return default
    match = _HOURS.fullmatch(given)
    if not match:
        raise Misfit(f"{quoted(given)} are no working hours. Write them as 09:00-17:30.")
    hour, minute, until_hour, until_minute = (int(number) for number in match.groups())
    if hour > 23 or until_hour > 23 or minute > 59 or until_minute > 59:  # noqa: PLR2004 - a clock's face
        raise Misfit(f"{quoted(given)} is no time of day. Hours go to 23, minutes to 59.")
    if (hour, minute) >= (until_hour, until_minute):
        raise Misfit(f"{quoted(given)} end before they begin. Write the earlier time first.")
    return f"{hour:02}:{minute:02}-{until_hour:02}:{until_minute:02}"


def languages(value: str) -> tuple[str, ...]:
    """At least one language by its tag (BCP 47), in the tag's usual spelling."""
    tags = _items(value)
    if not tags:
        raise Misfit("At least one language is needed, as en or de;en.")
    if len(tags) > MOST_LANGUAGES:
        raise Misfit(f"It names {len(tags)} languages; at most {MOST_LANGUAGES} fit.")
    return tuple(dict.fromkeys(_language(tag) for tag in tags))


@lru_cache(maxsize=1024)
def _language(tag: str) -> str:
    if len(tag) <= 35 and _LANGUAGE.fullmatch(tag):  # noqa: PLR2004 - what BCP 47 tells readers to have room for
        try:
            standard = langcodes.standardize_tag(tag)
            if langcodes.tag_is_valid(tag) and standard.split("-")[0] not in _NOBODY_SPEAKS:
                return standard
        except LanguageTagError:
            pass
    raise Misfit(f"{quoted(tag)} is no language tag (BCP 47). Write en, de or pt-BR, and separate several by “;”.")


def capacity(value: str) -> int:
    """How many partners at once; 1 when the cell is empty. What a role allows is checked with the role."""
    given = text(value, longest=20)
    if not given:
        return 1
    if not (given.isascii() and given.isdigit()) or len(given) > 1 or int(given) < 1:
        raise Misfit(f"{quoted(given)} is no capacity. Write 1, 2 or 3.")
    return int(given)


def topics(value: str) -> dict[str, int]:
    """At least one topic, each a whole term, with a level from 1 to 5 after “:” (3 when there is none)."""
    found: dict[str, int] = {}
    for item in _items(value):
        name, colon, after = item.rpartition(":")
        level = after.strip() if colon else str(DEFAULT_LEVEL)
        topic = normalised_topic(name if colon else item)
        if level not in tuple("12345"):
            raise Misfit(f"{quoted(item)} has no level from 1 to 5 after “:”. Write it as data analysis:3.")
        if not topic:
            raise Misfit(f"{quoted(item)} has a level and no topic. Write it as data analysis:3.")
        if len(topic) > LONGEST_TOPIC:
            raise Misfit(f"{quoted(topic)} has {len(topic)} characters; at most {LONGEST_TOPIC} fit.")
        if topic in found:
            raise Misfit(f"{quoted(topic)} is there twice. Keep one.")
        found[topic] = int(level)
    if not found:
        raise Misfit("At least one topic is needed, as tiktok:5;data analysis:3.")
    if len(found) > MOST_TOPICS:
        raise Misfit(f"It names {len(found)} topics; at most {MOST_TOPICS} fit.")
    return found


def normalised_topic(name: str) -> str:
    """The whole term as it is compared: trimmed, inner space folded, case folded. “AI” is not in “retail”."""
    return text(unicodedata.normalize("NFC", name).casefold(), longest=10_000)


def _items(value: str) -> list[str]:
    return [item.strip() for item in text(value, longest=4_000).split(";") if item.strip()]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "")  # noqa: PLR2004 - a line on a screen
