"""Patterns of texts and names: what they look like, without what they say.

A pattern has only the words below, lengths, signs, and the digit 9 in place of each
digit. So no part of a name, an address or a key is in one.
"""

from __future__ import annotations

import re

from tap_zohocampaigns.api.wire.types import NOTHING

# The greatest length of each class.
_LENGTHS = (8, 16, 32, 128, 1024)
_MOST_DIGITS = 20
_MOST_CHARACTERS = 128
# Longer texts are no dates.
_LONGEST_DATE = 40

_NUMBER = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?( ?%)?")
_HEX = r"(?=.*[0-9])(?=.*[a-f])[0-9a-f]{8,}|(?=.*[0-9])(?=.*[A-F])[0-9A-F]{8,}"
# Each with its pattern. The last group, or the whole, is what is counted.
_KINDS = tuple(
    (form, re.compile(expression))
    for form, expression in (
        ("true/false%.0s", "(?i)true|false"),
        ("spaces%.0s", r"\s+"),
        ("email%.0s", r"[^@\s]+@[^@\s]+\.[^@\s.]+"),
        ("url%.0s", r"(?i)https?://\S+"),
        ("path%.0s", r"/\S*"),
        ("uuid%.0s", "(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ("3z+hex(%s)", "3z([0-9a-f]{8,})"),
        ("#hex(%s)", "#([0-9A-Fa-f]{3,8})"),
        ("hex(%s)", _HEX),
    )
)
_KEY = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[0-9A-Za-z_.-]{16,}")
_FULL = (
    "January|February|March|April|June|July|August|September|October|November|December"
)
_SHORT = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec"
_WORD_END = "(?![A-Za-z])"
_DATE_PART = re.compile(
    rf"""(?P<time>(?P<hour>[0-9]{{1,2}}):[0-9]{{2}}
        (?P<second>:[0-9]{{2}}(?P<fraction>\.[0-9]+)?)?(?![0-9:]))
    |(?P<iso>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?![0-9-]))
    |(?P<full>(?:{_FULL}){_WORD_END})
    |(?P<short>(?:{_SHORT}){_WORD_END})
    |(?P<day>(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:[a-z]*day)?{_WORD_END})
    |(?P<half>[AaPp](?:[Mm]{_WORD_END}|\.[Mm]\.))
    |(?P<letter>(?:UTC|GMT|Z){_WORD_END}|T(?=[0-9]))
    |(?P<digits>[0-9]+)
    |(?P<space>\s)
    |(?P<sign>[-/:.,+()])
    |(?P<other>.)""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_STYLES = (
    ("lower", re.compile(r"[a-z]+")),
    ("lower_snake", re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")),
    ("lower-hyphen", re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")),
    ("UPPER_SNAKE", re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")),
    ("camelCase", re.compile(r"[a-z][a-z0-9]*(?:[A-Z][a-z0-9]*)+")),
)


def of_text(text: str) -> str:
    """Return the pattern of a text, such as `dd Mon yyyy, hh:mm AM` or `digits(13)`."""
    return _of_value(text) or f"text({_length(len(text))})"


def of_name(name: str) -> str:
    """Return the pattern of a name, such as `lower_snake(9-16)`."""
    for style, expression in _STYLES:
        if expression.fullmatch(name) and not re.fullmatch(_HEX, name):
            return f"{style}({_length(len(name))})"
    return of_text(name)


def of_number(number: object) -> str:
    """Return the pattern of a number: of how many digits it is."""
    return _of_number(str(number)) or "number"


def _of_value(text: str) -> str:
    """Return the pattern of a text of a known kind; empty if it is of none."""
    if text in NOTHING:
        return f'"{text}"'
    if number := _of_number(text):
        return number
    for form, expression in _KINDS:
        if match := expression.fullmatch(text):
            return form % _count(match[match.lastindex or 0], _MOST_CHARACTERS)
    if date := _of_date(text):
        return date
    return f"key({_length(len(text))})" if _KEY.fullmatch(text) else ""


def _of_number(text: str) -> str:
    match = _NUMBER.fullmatch(text)
    if not match:
        return ""
    sign, whole, fraction, percent = match.groups("")
    pattern = f"{sign}digits({_count(whole, _MOST_DIGITS)})"
    if fraction:
        pattern += f".digits({_count(fraction, _MOST_DIGITS)})"
    return pattern + percent


def _of_date(text: str) -> str:
    """Return the pattern of a text of digits, signs and months; empty for others."""
    if len(text) > _LONGEST_DATE or not re.search("[0-9]", text):
        return ""
    parts = [*_DATE_PART.finditer(text)]
    kinds = {part.lastgroup for part in parts}
    if "other" in kinds:
        return ""
    has_month = not kinds.isdisjoint({"full", "short"})
    return "".join(_part(part, has_month=has_month) for part in parts)


def _part(part: re.Match[str], *, has_month: bool) -> str:
    """Return the pattern of one part of a date."""
    text, kind = part[0], part.lastgroup
    patterns = {
        "time": "h" * len(part["hour"] or "") + ":mm",
        "iso": "yyyy-MM-dd",
        "full": _cased("Month", text),
        "short": _cased("Mon", text),
        "day": "Day",
        "half": _cased("A.M." if "." in text else "AM", text),
        "letter": text.upper(),
        "digits": "9" * len(text),
        # Java writes spaces that look like the usual one, and are not.
        "space": text if text == " " else f"<U+{ord(text[0]):04X}>",
        "sign": text,
    }
    pattern = patterns[kind or ""]
    if part["second"]:
        pattern += ":ss"
    if part["fraction"]:
        pattern += f".{'f' * (len(part['fraction']) - 1)}"
    if kind == "digits" and has_month:
        pattern = {1: "d", 2: "dd", 4: "yyyy"}.get(len(text), pattern)
    return pattern


def _cased(pattern: str, text: str) -> str:
    if text.isupper():
        return pattern.upper()
    return pattern.lower() if text.islower() else pattern


def _count(text: str, most: int) -> str:
    return str(len(text)) if len(text) <= most else f">{most}"


def _length(length: int) -> str:
    """Return the class of a length, such as `9-16`."""
    least = 1
    for most in _LENGTHS:
        if length <= most:
            return f"{least}-{most}"
        least = most + 1
    return f">{_LENGTHS[-1]}"
