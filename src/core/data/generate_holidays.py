#!/usr/bin/env python3
"""Writes holidays.txt: the public holidays of every country and of the states of the USA.

    pip install holidays==0.109
    python3 generate_holidays.py   # rewrites holidays.txt beside this file

The same package gives the same bytes. What the table means and where it comes from: README.md.
"""

import sys
from importlib import metadata
from pathlib import Path

import holidays

PINNED = {"holidays": "0.109"}
YEARS = range(2026, 2033)

# Under the law of the United States, with a code of their own in ISO 3166-1.
TERRITORIES = ("PR", "GU", "VI", "AS", "MP", "UM")

# Parts whose holidays are kept by the law of the country. The other provinces of Italy keep the day of their chief
# town's patron saint, which the country's rule does not mean.
PARTS = {"IT": ("BZ",)}


def days_of(country, subdivisions):
    """Every day that is a public holiday in the country, or in any part of it."""
    days = set()
    for part in (None, *subdivisions):
        days.update(holidays.country_holidays(country, subdiv=part, years=YEARS).keys())
    return days


def main():
    for name, version in PINNED.items():
        if metadata.version(name) != version:
            sys.exit(f"{name} {version} is needed, {metadata.version(name)} is installed")
    supported = holidays.list_supported_countries(include_aliases=False)
    places = {}
    for country, subdivisions in supported.items():
        if len(country) != 2 or country in TERRITORIES:
            continue
        if country == "US":
            states = [part for part in subdivisions if part != "UM"]
            for state in states:
                # With the federation's own, which no state keeps all of.
                places[f"US-{state}"] = days_of("US", [state])
            # Of an unknown state: what any of them keeps.
            places["US"] = days_of("US", states)
        else:
            places[country] = days_of(country, PARTS.get(country, subdivisions))
    lines = [
        "# Written by generate_holidays.py; README.md beside it says what it means. Source: "
        + ", ".join(f"{name} {version}" for name, version in PINNED.items()) + ".",
        f"years {YEARS[0]} {YEARS[-1]}",
        "# PLACE, and behind it the days of every year as MMDD; then YEAR and the days of that year alone",
    ]
    for place in sorted(places):
        by_year = {year: {f"{d:%m%d}" for d in places[place] if d.year == year} for year in YEARS}
        every = set.intersection(*by_year.values())
        lines.append(" ".join([place, *sorted(every)]))
        for year, days in by_year.items():
            if days - every:
                lines.append(" ".join([f" {year}", *sorted(days - every)]))
    path = Path(__file__).with_name("holidays.txt")
    path.write_text("\n".join(lines) + "\n")
    print(f"{len(places)} places, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
