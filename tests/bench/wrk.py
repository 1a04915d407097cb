"""Driving a server with wrk, and reading what it measured."""

import json
import math
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench.desk import Desk
from tests.bench.scenarios import Requests

CONNECTIONS = 8
"""So many send at once: the table's requests, and under load the reads as well as the writes."""

# Every thread sends the requests in turns, each from its own place, and the end is told as JSON.
SCRIPT = """
local requests = {}
for line in io.lines(os.getenv("BENCH_REQUESTS")) do requests[#requests + 1] = line end
local bodies = {}
for line in io.lines(os.getenv("BENCH_BODIES")) do bodies[#bodies + 1] = line end
local thread, count = 0, 0
function setup(one) one:set("turn", thread * 37); thread = thread + 1 end
function request()
  turn = turn + 1
  local path, body = requests[turn % #requests + 1], bodies[turn % math.max(#bodies, 1) + 1]
  return wrk.format(wrk.method, path, wrk.headers, body)
end
if again then
  function response(_, headers) wrk.headers["If-None-Match"] = headers["ETag"] end
end
function done(summary, latency, _)
  local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "bad": %d, "broken": %d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    summary.errors.status, broken))
end
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What wrk measured; times in milliseconds. ``bad`` answers had a status of 400 or more."""

    a_second: float
    p50: float
    p99: float
    bad: int
    broken: int


def require() -> None:
    """Make sure that wrk is there."""
    if shutil.which("wrk") is None:
        raise SystemExit("bench: wrk is missing; on Debian and Ubuntu: sudo apt install wrk")


def drive(desk: Desk, requests: Requests, *, connections: int, seconds: float) -> Result:
    """Send requests over so many connections for so long."""
    with tempfile.TemporaryDirectory() as folder:
        script, paths, bodies = (Path(folder, name) for name in ("drive.lua", "paths", "bodies"))
        headers = {"Content-Type": "application/json"}
        headers |= {"Cookie": requests.cookie} if requests.cookie else {"Authorization": f"Bearer {desk.token}"}
        settings = [f'wrk.method = "{requests.method}"', f"again = {json.dumps(requests.again)}"]
        settings += [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items()]
        script.write_text("\n".join([*settings, SCRIPT]))
        paths.write_text("\n".join(requests.paths) + "\n")
        bodies.write_text("".join(f"{body}\n" for body in requests.bodies))
        command = [
            "wrk",
            f"-t{min(2, connections)}",
            f"-c{connections}",
            f"-d{math.ceil(seconds)}s",
            "--timeout",
            "60s",
        ]
        run = subprocess.run(
            [*command, "-s", str(script), desk.url],
            env={"BENCH_REQUESTS": str(paths), "BENCH_BODIES": str(bodies), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=seconds + 120,
            check=False,
        )
    line = next((line for line in run.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise SystemExit(f"bench: wrk failed:\n{run.stdout}{run.stderr}")
    found = json.loads(line.removeprefix("RESULT "))
    return Result(found["requests"] / found["seconds"], found["p50"], found["p99"], found["bad"], found["broken"])
