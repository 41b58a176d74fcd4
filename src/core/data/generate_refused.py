#!/usr/bin/env python3
"""Writes refused.txt: numbers that are never called, by their first digits, and emergency numbers by country code.

    pip install phonenumbers==9.0.43 regex==2026.11.15
    python3 generate_refused.py    # rewrites refused.txt beside this file

The same packages give the same bytes. What the table means and where it comes from: README.md.
"""

import sys
from collections import defaultdict
from importlib import metadata
from pathlib import Path

import regex
from phonenumbers.data import _COUNTRY_CODE_TO_REGION_CODE as CALLING_CODES
from phonenumbers.phonemetadata import PhoneMetadata
from phonenumbers.shortdata import _AVAILABLE_REGION_CODES as SHORT_REGIONS

PINNED = {"phonenumbers": "9.0.43"}

# Kinds that cost the caller extra, and all others, which tell how many digits it takes to know.
REFUSED = ("premium_rate", "shared_cost")
OTHERS = ("fixed_line", "mobile", "toll_free", "personal_number", "voip", "pager", "uan")

# A prefix that is still both after so many digits of the national number is refused.
DEPTH = 7

# Country codes of no country (ITU-T E.164.1, E.212, and the ITU's list of assigned codes): satellite phones, ships and
# networks, whose calls are charged like satellite calls; shared cost; premium.
SATELLITE = ("870", "878", "881", "882", "883", "888")
SHARED = ("808",)
PREMIUM = ("979",)

# The North American exchange for local pay-per-call services (47 CFR 64.1501 and the tariffs it rests on), which
# libphonenumber does not tell from others: 976 behind any area code.
PAY_PER_CALL_EXCHANGE = "976"

SHORT_DIGITS_MAX = 6


def patterns(region, kinds):
    described = PhoneMetadata.metadata_for_region(region)
    for kind in kinds:
        desc = getattr(described, kind)
        if desc is not None and desc.national_number_pattern:
            yield kind, regex.compile(desc.national_number_pattern)


def walk(cc, national, candidates, found):
    """Adds prefixes under which numbers of a refused kind begin."""
    fits = [c for c in candidates if c[1].fullmatch(national, partial=True)]
    kinds = {kind for kind, _ in fits}
    refused = kinds & set(REFUSED)
    if not refused:
        return
    if len(kinds) == 1 and national or kinds == refused and len(national) >= DEPTH or len(national) >= DEPTH:
        # Of both refused kinds at once it is the dearer.
        kind = "premium" if "premium_rate" in refused else "shared_cost"
        found[cc + national] = kind
        return
    for digit in "0123456789":
        walk(cc, national + digit, fits, found)


def collapse(found):
    """Ten siblings that agree are their parent."""
    for length in range(max(map(len, found)), 1, -1):
        groups = defaultdict(list)
        for prefix in found:
            if len(prefix) == length:
                groups[prefix[:-1]].append(prefix)
        for parent, children in groups.items():
            if len(children) == 10 and len({found[child] for child in children}) == 1:
                found[parent] = found[children[0]]
                for child in children:
                    del found[child]


def exactly(pattern, digits="", found=None):
    """Every string of digits that a pattern of short numbers matches whole."""
    found = [] if found is None else found
    if digits and pattern.fullmatch(digits):
        found.append(digits)
    if len(digits) < SHORT_DIGITS_MAX and pattern.fullmatch(digits, partial=True):
        for digit in "0123456789":
            exactly(pattern, digits + digit, found)
    return found


def emergency():
    of_code = defaultdict(set)
    code_of = {region: cc for cc, regions in CALLING_CODES.items() for region in regions}
    for region in SHORT_REGIONS:
        short = PhoneMetadata.short_metadata_for_region(region)
        if short and short.emergency and short.emergency.national_number_pattern and region in code_of:
            of_code[code_of[region]].update(exactly(regex.compile(short.emergency.national_number_pattern)))
    return of_code


def main():
    for name, version in PINNED.items():
        if metadata.version(name) != version:
            sys.exit(f"{name} {version} is needed, {metadata.version(name)} is installed")
    found = {}
    for cc in sorted(CALLING_CODES):
        regions = CALLING_CODES[cc]
        if regions == ("001",):
            continue
        candidates = [p for region in regions for p in patterns(region, REFUSED + OTHERS)]
        walk(str(cc), "", candidates, found)
    collapse(found)
    found |= {cc: "satellite" for cc in SATELLITE} | {cc: "shared_cost" for cc in SHARED} | {cc: "premium" for cc in PREMIUM}
    lines = [
        "# Written by generate_refused.py; README.md beside it says what it means. Sources: "
        + ", ".join(f"{name} {version}" for name, version in PINNED.items()) + ".",
        "# KIND                     numbers that begin with the digits of the indented lines are of this kind",
        "# exchange CC DIGITS        premium: these digits behind any area code of three digits",
        "# emergency CC NUMBER,..    what is dialled for help under a country code",
        f"exchange 1 {PAY_PER_CALL_EXCHANGE}",
    ]
    for kind in ("premium", "shared_cost", "satellite"):
        lines.append(kind)
        text = ""
        for prefix in sorted(p for p in found if found[p] == kind):
            if len(text) + len(prefix) > 116:
                lines.append(" " + text.strip())
                text = ""
            text += " " + prefix
        lines.append(" " + text.strip())
    for cc, codes in sorted(emergency().items()):
        lines.append(f"emergency {cc} {','.join(sorted(codes))}")
    path = Path(__file__).with_name("refused.txt")
    path.write_text("\n".join(lines) + "\n")
    print(f"{len(found)} prefixes, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
