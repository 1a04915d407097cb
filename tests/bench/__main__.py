"""Measure the desk: fill it at several sizes, serve it as in production, drive it, and say how it grows.

All sizes, and any other server given with --against, are measured in turns for
each scenario, so that what else the machine does hits all of them alike.
"""

import argparse
import contextlib
import json
import os
import platform
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.bench import bare, floor, loaded, wrk
from tests.bench import desk as desks
from tests.bench.desk import Desk
from tests.bench.progress import Progress
from tests.bench.scenarios import SCENARIOS, NotMeasurableError, Requests, Scenario

FULL, QUICK = (1_000, 100_000, 1_000_000), (1_000, 100_000)


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(prog="./run bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="up to 100,000 tickets, in less than 4 minutes")
    parser.add_argument("--against", metavar="URL[,TOKEN]", action="append", default=[], help="another server")
    parser.add_argument(
        "--only", metavar="WORD", help="only scenarios with this word in their name; “load” for reads under load"
    )
    parser.add_argument("--seconds", type=float, help="how long each measurement takes")
    parser.add_argument("--json", metavar="FILE", type=Path, help="where to write all figures")
    given = parser.parse_args()
    wrk.require()
    seconds = given.seconds or (1.0 if given.quick else 5.0)
    wanted = [scenario for scenario in SCENARIOS if given.only is None or given.only in scenario.name]
    progress = Progress()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        ours = [stack.enter_context(desks.running(folder, size, progress)) for size in (QUICK if given.quick else FULL)]
        others = [desks.other(address) for address in given.against]
        # The least that Flask takes for the same, where there is time to measure that, too.
        alone = None if given.quick else stack.enter_context(bare.served(ours[-1]))
        rows = [_measure(scenario, ours, others, seconds, progress, alone) for scenario in wanted]
        memory = {desk.name: desk.memory_mb() for desk in ours}
        under_load = loaded.measure(ours[-1], seconds, progress) if given.only in {None, "load"} else []
        progress.say("done", stage=True)
        if rows:
            _print(rows, ours, others, memory)
        if under_load:
            loaded.show(under_load)
        if given.json:
            machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
            measured = {"memory_mb": memory, "rows": rows, "loaded": [asdict(each) for each in under_load]}
            given.json.write_text(json.dumps({"machine": machine, **measured}, indent=2))


def _measure(
    scenario: Scenario,
    ours: list[Desk],
    others: list[Desk],
    seconds: float,
    progress: Progress,
    bare_p50: Callable[[Requests, float], float] | None,
) -> dict[str, Any]:
    row: dict[str, Any] = {"scenario": scenario.name, "allowed_growth": scenario.grows, "servers": {}}
    for desk in [*ours, *([] if scenario.only_ours else others)]:
        progress.say(f"{scenario.name} · {desk.name}", stage=True)
        try:
            requests = scenario.make(desk)
        except NotMeasurableError as error:
            progress.say(f"{scenario.name} · {desk.name}: not measured, because {error}", stage=True)
            continue
        wrk.drive(desk, requests, connections=wrk.CONNECTIONS, seconds=1)
        many = wrk.drive(desk, requests, connections=wrk.CONNECTIONS, seconds=seconds)
        one = wrk.drive(desk, requests, connections=1, seconds=seconds / 2)
        row["servers"][desk.name] = {
            "requests_a_second": round(many.a_second, 1),
            "p50_ms": round(many.p50, 2),
            "p99_ms": round(many.p99, 2),
            "alone_p50_ms": round(one.p50, 2),
            "sql_ms": floor.milliseconds(desk, requests),
            "bare_p50_ms": bare_p50(requests, seconds / 2) if bare_p50 and desk is ours[-1] else None,
            "bad": many.bad + one.bad,
            "broken": many.broken + one.broken,
        }
    return row


def _print(
    rows: list[dict[str, Any]], ours: list[Desk], others: list[Desk], memory: dict[str, tuple[float, float]]
) -> None:
    hello = next((row for row in rows if row["scenario"].startswith("hello")), None)
    print(f"\n{wrk.CONNECTIONS} connections; times in ms. “alone” is the p50 at one connection, “floor” its SQL by")
    print("pgbench plus the web server's answer to a request without SQL, “bare” a Flask view that does nothing but")
    print("send its SQL by psycopg and write the rows as JSON.\n")
    print(f"{'':<34}{'server':<24}{'req/s':>9}{'p50':>9}{'p99':>9}{'alone':>9}{'floor':>9}{'× floor':>9}{'bare':>9}")
    for row in rows:
        first = row["scenario"]
        for name, found in row["servers"].items():
            base = hello["servers"].get(name, {}).get("alone_p50_ms") if hello else None
            low = found["sql_ms"] + base if base and found["sql_ms"] is not None else None
            floors = f"{low:>9.2f}{found['alone_p50_ms'] / low:>9.2f}" if low else f"{'':>18}"
            least = f"{found['bare_p50_ms']:>9.2f}" if found["bare_p50_ms"] is not None else ""
            wrong = f"  {found['bad']} bad, {found['broken']} broken" if found["bad"] or found["broken"] else ""
            print(
                f"{first:<34}{name:<24}{found['requests_a_second']:>9,.0f}{found['p50_ms']:>9.2f}{found['p99_ms']:>9.2f}"
                f"{found['alone_p50_ms']:>9.2f}{floors}{least}{wrong}"
            )
            first = ""
        small, large = row["servers"][ours[0].name], row["servers"][ours[-1].name]
        growth = large["p50_ms"] / small["p50_ms"] if small["p50_ms"] else float("inf")
        verdict = "ok" if growth <= row["allowed_growth"] else "MORE THAN"
        print(f"{'':<34}grows × {growth:.2f} ({verdict} {row['allowed_growth']:g})")
        for other in others:
            theirs = row["servers"].get(other.name)
            if theirs and theirs["requests_a_second"]:
                for mine in ours:
                    times = row["servers"][mine.name]["requests_a_second"] / theirs["requests_a_second"]
                    print(f"{'':<34}{mine.name}: {times:.1f} × the requests/s of {other.name}")
    print("\nlargest web process: " + ", ".join(f"{name}: {rss:.0f} MB" for name, (rss, _) in memory.items()))
    print("its share of the pages: " + ", ".join(f"{name}: {pss:.0f} MB" for name, (_, pss) in memory.items()))


if __name__ == "__main__":
    main()
