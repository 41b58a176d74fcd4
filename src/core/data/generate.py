#!/usr/bin/env python3
"""Writes numbers.txt: which number prefix is in which place, and in which time zones.

    pip install phonenumbers==9.0.43 tzdata==2026.6 regex==2026.11.15
    python3 generate.py            # rewrites numbers.txt beside this file

The same packages give the same bytes. What the table means and where it comes from: README.md.
"""

import re
import sys
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone
from importlib import metadata, resources
from pathlib import Path
from zoneinfo import ZoneInfo, reset_tzpath

import regex
from phonenumbers.data import _COUNTRY_CODE_TO_REGION_CODE as CALLING_CODES
from phonenumbers.geodata import GEOCODE_DATA
from phonenumbers.phonemetadata import PhoneMetadata
from phonenumbers.tzdata import TIMEZONE_DATA

PINNED = {"phonenumbers": "9.0.43", "tzdata": "2026.6"}

# A place's zones are told apart by what their clocks do in these years, not by their names. The past is in it because
# a server may hold older time-zone data than this script.
FIRST_DAY = datetime(2024, 1, 1, tzinfo=timezone.utc)
DAYS = 8 * 365

# Digits after the country code that are looked at to tell countries apart, and to tell a mobile from a line in the
# ground. Deeper, both are possible.
COUNTRY_DEPTH = 7
KIND_DEPTH = 4

STATES = {
    "Alabama": "AL", "Alaska": "AK", "Arizona": "AZ", "Arkansas": "AR", "California": "CA", "Colorado": "CO",
    "Connecticut": "CT", "Delaware": "DE", "Florida": "FL", "Georgia": "GA", "Hawaii": "HI", "Idaho": "ID",
    "Illinois": "IL", "Indiana": "IN", "Iowa": "IA", "Kansas": "KS", "Kentucky": "KY", "Louisiana": "LA",
    "Maine": "ME", "Maryland": "MD", "Massachusetts": "MA", "Michigan": "MI", "Minnesota": "MN",
    "Mississippi": "MS", "Missouri": "MO", "Montana": "MT", "Nebraska": "NE", "Nevada": "NV",
    "New Hampshire": "NH", "New Jersey": "NJ", "New Mexico": "NM", "New York": "NY", "North Carolina": "NC",
    "North Dakota": "ND", "Ohio": "OH", "Oklahoma": "OK", "Oregon": "OR", "Pennsylvania": "PA",
    "Rhode Island": "RI", "South Carolina": "SC", "South Dakota": "SD", "Tennessee": "TN", "Texas": "TX",
    "Utah": "UT", "Vermont": "VT", "Virginia": "VA", "Washington State": "WA", "Washington D.C.": "DC",
    "West Virginia": "WV", "Wisconsin": "WI", "Wyoming": "WY",
}
STATE_CODES = set(STATES.values())

# Regions with a country code of their own in ISO 3166-1 which are under the law of the United States.
TERRITORIES = {"PR", "GU", "VI", "AS", "MP"}

# Places under the law of another which share its country code: a number that may be of either is told as the larger's.
# (Vatican City's mobiles are of Italian networks.)
PART_OF = {"AX": "FI", "SJ": "NO", "CC": "AU", "CX": "AU", "VA": "IT"}

# Of zones in one region that never differ, the one that libphonenumber names most stands for all, except these.
STANDS_FOR_ITS_LIKE = {"America/Anchorage", "America/Whitehorse", "America/Nuuk"}

E, C, M, P = "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"

# Area codes that reach into a second time zone, where libphonenumber names fewer: the split prefixes of the calling
# rules with the codes that overlay them, then codes whose counties lie on both sides by the federal zone limits
# (49 CFR part 71) or keep the other side's time by custom.
SPLIT = {
    "850": (E, C), "448": (E, C),              # Florida panhandle
    "208": (M, P), "986": (M, P),              # Idaho
    "541": (P, M), "458": (P, M),              # Oregon: Malheur County
    "605": (C, M),                             # South Dakota
    "701": (C, M),                             # North Dakota
    "785": (C, M), "620": (C, M),              # Kansas: the western counties
    "906": (E, C),                             # Michigan: four counties beside Wisconsin
    "270": (E, C), "364": (E, C),              # Kentucky
    "606": (E, C),                             # Kentucky: the southern edge
    "423": (E, C), "931": (E, C),              # Tennessee
    "812": (E, C), "930": (E, C),              # Indiana: the south-west
    "219": (E, C), "574": (E, C),              # Indiana: the north-west
    "308": (C, M), "402": (C, M), "531": (C, M),  # Nebraska
    "432": (C, M), "915": (C, M),              # Texas: the far west
    "580": (C, M),                             # Oklahoma: Kenton
    "775": (P, M),                             # Nevada: West Wendover, Jackpot
    "928": ("America/Phoenix", M),             # Arizona: the Navajo Nation
    "334": (C, E),                             # Alabama: Phenix City keeps Georgia's time
}


def clocks(zone, seen={}, behaviours={}):
    """A number for what the clocks of a zone do: its offset at every sixth hour."""
    if zone not in seen:
        tz, at = ZoneInfo(zone), FIRST_DAY
        offsets = []
        for _ in range(DAYS * 4):
            offsets.append(at.astimezone(tz).utcoffset())
            at += timedelta(hours=6)
        seen[zone] = behaviours.setdefault(tuple(offsets), len(behaviours))
    return seen[zone]


def read_zones():
    """The zones of every region, one for each behaviour."""
    root = resources.files("tzdata").joinpath("zoneinfo")
    named = defaultdict(list)
    for line in root.joinpath("zone.tab").read_text().splitlines():
        if line and not line.startswith("#"):
            region, _, zone = line.split("\t")[:3]
            named[region].append(zone)
    used = Counter(zone for zones in TIMEZONE_DATA.values() for zone in zones)
    by_region = {}
    for region, zones in named.items():
        alike = defaultdict(list)
        for zone in sorted(zones, key=lambda zone: (zone not in STANDS_FOR_ITS_LIKE, -used[zone])):
            alike[clocks(zone)].append(zone)
        by_region[region] = tuple(sorted(group[0] for group in alike.values()))
    return by_region


reset_tzpath(to=[])  # the package's data, whatever the system has
ZONES = read_zones()
# Ascension and Tristan da Cunha, and Kosovo, have no line of their own in zone.tab.
ZONES.setdefault("AC", ZONES["SH"])
ZONES.setdefault("TA", ZONES["SH"])
ZONES.setdefault("XK", ZONES["RS"])
# China has one legal time; the other is a custom of some in Xinjiang.
ZONES["CN"] = ("Asia/Shanghai",)


def merged(*sets):
    """Zones of several sets, one for each behaviour; the first named stays."""
    kept = {}
    for zone in (zone for zones in sets for zone in zones):
        kept.setdefault(clocks(zone), zone)
    return tuple(sorted(kept.values()))


def within(region, zones):
    """The region's own zones that behave as the given ones, or all of them where one fits none."""
    own = {clocks(zone): zone for zone in ZONES[region]}
    fitting = [own.get(clocks(zone)) for zone in zones]
    return ZONES[region] if None in fitting or not fitting else tuple(sorted(set(fitting)))


def longest(prefix):
    """libphonenumber's zones for a prefix."""
    for end in range(len(prefix), 0, -1):
        if prefix[:end] in TIMEZONE_DATA:
            return TIMEZONE_DATA[prefix[:end]]
    return ()


def patterns(region):
    found = []
    described = PhoneMetadata.metadata_for_region(region)
    for kind in ("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip", "pager", "uan"):
        desc = getattr(described, kind)
        if desc is not None and desc.national_number_pattern:
            found.append((region, kind, regex.compile(desc.national_number_pattern)))
    return found


def place(region):
    return f"US-{region}" if region in TERRITORIES else region


def row(regions, zones, evidence):
    """The value of a prefix: evidence, country, places, zones."""
    wholes = {PART_OF.get(region, region) for region in regions}
    if len(wholes) == 1 and len(regions) > 1:
        regions = wholes
        evidence = "country" if evidence == "unknown" else evidence
    places = tuple(sorted({place(region) for region in regions}))
    countries = {p[:2] for p in places}
    country = countries.pop() if len(countries) == 1 else "-"
    return evidence, country, places, zones


class Table:
    def __init__(self):
        self.rows = {}

    def of(self, prefix):
        for end in range(len(prefix), 0, -1):
            if prefix[:end] in self.rows:
                return self.rows[prefix[:end]]
        return None

    def add(self, prefix, value):
        if self.of(prefix) != value:
            self.rows[prefix] = value


def walk(cc, national, candidates, table, longer):
    """Adds what is known of the numbers that begin with these digits."""
    prefix = cc + national
    fits = [c for c in candidates if c[2].fullmatch(national, partial=True)]
    if not fits:
        return  # in no one's plan: what holds for the country code holds
    regions = tuple(r for r in CALLING_CODES[int(cc)] if any(f[0] == r for f in fits))
    kinds = {f[1] for f in fits}
    if len(regions) > 1:
        deeper = len(national) < (COUNTRY_DEPTH if kinds & {"fixed_line", "mobile"} else KIND_DEPTH)
    elif len(ZONES[regions[0]]) == 1 or "fixed_line" not in kinds:
        deeper = False
    else:
        deeper = prefix in longer or len(kinds) > 1 and len(national) < KIND_DEPTH
    if deeper:
        for digit in "0123456789":
            walk(cc, national + digit, fits, table, longer)
        return
    everywhere = merged(*(ZONES[region] for region in regions))
    # Only a line in the ground says where it is, and only where mobiles have numbers of their own.
    zones = within(regions[0], longest(prefix)) if kinds == {"fixed_line"} and len(regions) == 1 else everywhere
    narrower = zones != everywhere
    table.add(prefix, row(regions, zones, "area" if narrower else "country" if len(regions) == 1 else "unknown"))


def collapse(table, cc):
    """Ten siblings that agree are their parent."""
    for length in range(max(map(len, table.rows)), len(cc), -1):
        groups = defaultdict(set)
        for prefix in table.rows:
            if len(prefix) == length and prefix.startswith(cc):
                groups[prefix[:-1]].add(prefix)
        for parent, children in groups.items():
            values = {table.rows[child] for child in children}
            if len(children) == 10 and len(values) == 1:
                value = values.pop()
                for child in children:
                    del table.rows[child]
                table.rows[parent] = value
    for prefix in sorted(table.rows, key=len, reverse=True):
        if len(prefix) > len(cc) and prefix.startswith(cc):
            value = table.rows.pop(prefix)
            if table.of(prefix) != value:
                table.rows[prefix] = value


def country_code(cc, table):
    regions = CALLING_CODES[int(cc)]
    everywhere = merged(*(ZONES[region] for region in regions))
    table.add(cc, row(regions, everywhere, "country" if len(regions) == 1 else "unknown"))
    if len(regions) == 1 and len(ZONES[regions[0]]) == 1:
        return
    longer = {key[:end] for key in TIMEZONE_DATA if key.startswith(cc) for end in range(len(cc), len(key))}
    candidates = [p for region in regions for p in patterns(region)]
    # Every possible value is written out, then those that repeat are dropped.
    walk(cc, "", candidates, table, longer)
    collapse(table, cc)


def state_of(prefix):
    """The state that libphonenumber's description of a prefix names."""
    text = GEOCODE_DATA.get(prefix, {}).get("en", "")
    city = re.search(r", ([A-Z]{2})$", text)
    code = city[1] if city else STATES.get(text)
    return code if code in STATE_CODES else None


def north_america(table):
    """+1: twenty-five countries, told apart by the area code. A mobile has the area code of where it was sold."""
    regions = CALLING_CODES[1]
    candidates = [p for region in regions for p in patterns(region)]
    table.add("1", ("unknown", "-", (), merged(*(ZONES[region] for region in regions))))
    for area in (str(n) for n in range(200, 1000)):
        fits = [c for c in candidates if c[2].fullmatch(area, partial=True) and not c[2].pattern.startswith("310")]
        placed = sorted({c[0] for c in fits if c[1] in ("fixed_line", "mobile")})
        prefix = "1" + area
        if not fits:
            continue
        if not placed:
            # Free to the caller, premium, or nomadic: dialled in all of the plan, held mostly in its largest country.
            owner = "CA" if {c[0] for c in fits} == {"CA"} else "US"
            table.add(prefix, row((owner,), ZONES[owner], "nomadic"))
        elif placed == ["US"]:
            united_states(prefix, table)
        else:
            zones = merged(*(area_zones(prefix, region) for region in placed))
            table.add(prefix, row(placed, zones, "area" if len(placed) == 1 else "unknown"))


def area_zones(prefix, region):
    """Every zone that any exchange of an area code is in."""
    named = {zone for key, zones in TIMEZONE_DATA.items() if key.startswith(prefix) for zone in zones}
    # A truncated prefix of the data may cover the code as a whole.
    named |= set(longest(prefix)) if longest(prefix) is not TIMEZONE_DATA["1"] else set()
    return within(region, sorted(named))


def united_states(prefix, table):
    zones = area_zones(prefix, "US")
    if prefix[1:] in SPLIT:
        zones = merged(zones, within("US", SPLIT[prefix[1:]]))
    state = state_of(prefix)
    exchanges = {key: state_of(key) for key in GEOCODE_DATA if key.startswith(prefix) and len(key) > 4}
    if state is None:
        seen = {code for code in exchanges.values() if code}
        states = sorted(seen)
    else:
        states = [state]
    if not states:
        table.add(prefix, row(("US",), zones, "country" if zones == ZONES["US"] else "area"))
        return
    value = ("area", "US", tuple(f"US-{s}" for s in states), zones)
    table.add(prefix, value)
    for exchange, other in sorted(exchanges.items()):
        if other and other not in states:
            both = tuple(sorted({f"US-{other}", *value[2]}))
            table.add(exchange, ("area", "US", both, zones))


def write(table, path):
    zone_sets = sorted({value[3] for value in table.rows.values()})
    number = {zones: n for n, zones in enumerate(zone_sets)}
    by_value = defaultdict(list)
    for prefix, value in table.rows.items():
        by_value[value].append(prefix)
    lines = [
        "# Written by generate.py; README.md beside it says what it means. Sources: "
        + ", ".join(f"{name} {version}" for name, version in PINNED.items()) + ".",
        "# zones N ZONE,ZONE,..          a set of time zones",
        "# world ZONE,ZONE,..            the set for a number of no known country",
        "# EVIDENCE COUNTRY PLACES N     what holds for the prefixes of the indented lines; - is none",
    ]
    lines += [f"zones {number[zones]} {','.join(zones)}" for zones in zone_sets]
    world = merged(*(zones for _, zones in sorted(ZONES.items())))
    lines += [f"world {','.join(world)}"]
    order = sorted(by_value, key=lambda v: (v[1], v[2], v[0], number[v[3]]))
    for value in order:
        evidence, country, places, zones = value
        lines.append(f"{evidence} {country} {','.join(places) or '-'} {number[zones]}")
        text = ""
        for prefix in sorted(by_value[value]):
            if len(text) + len(prefix) > 116:
                lines.append(" " + text.strip())
                text = ""
            text += " " + prefix
        lines.append(" " + text.strip())
    path.write_text("\n".join(lines) + "\n")
    print(f"{len(table.rows)} prefixes, {len(order)} values, {len(zone_sets)} sets of zones, {path.stat().st_size} bytes")


def main():
    for name, version in PINNED.items():
        if metadata.version(name) != version:
            sys.exit(f"{name} {version} is needed, {metadata.version(name)} is installed")
    table = Table()
    for cc in sorted(CALLING_CODES):
        if CALLING_CODES[cc] == ("001",):
            continue  # satellite phones and services of no country
        if cc == 1:
            north_america(table)
        else:
            country_code(str(cc), table)
    write(table, Path(__file__).with_name("numbers.txt"))


if __name__ == "__main__":
    main()
