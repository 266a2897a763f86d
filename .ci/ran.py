"""Fail unless the test report shows that Spark and PostgreSQL tests ran and none was skipped."""

import sys
import xml.etree.ElementTree as ET

NEEDED = ("spark", "postgres")


def skipped(case: ET.Element) -> bool:
    """Left out; an expected failure is reported under the same name, and did run."""
    found = case.find("skipped")
    return found is not None and found.get("type") != "pytest.xfail"


def main(report: str) -> int:
    cases = list(ET.parse(report).getroot().iter("testcase"))
    problems = []
    for name in NEEDED:
        mine = [c for c in cases if f"[{name}" in c.get("name", "") or name in c.get("name", "")]
        ran = [c for c in mine if not skipped(c)]
        if not ran:
            problems.append(f"no {name} test ran")
        if len(ran) < len(mine):
            problems.append(f"{len(mine) - len(ran)} {name} tests were skipped")
    print("; ".join(problems) or f"{len(cases)} tests, Spark and PostgreSQL among them")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
