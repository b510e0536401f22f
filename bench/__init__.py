"""Side by side with the reference service: `make bench`, or `python -m bench --help`.

    __main__    the command line; the last line it prints is for scripts
    row, rows   what a row is; the table of all that can be measured, each with its world, question and goal
    run         goes through the rows within the time there is, and keeps what each gave
    pace        how long a full and a quick run give to each thing; the alarm that ends what takes longer
    worlds      fleets by name, made the same every time
    arena       one world in one database, loaded into both services, which are started when first asked for
    databases   the database servers, durable, with the memory they take as installed
    processes   the services as processes: Ullage, the reference, the static answers of a floor
    filling     a world straight into the reference's tables
    client      one question after the other on one connection: median and 99th percentile
    load        many clients at once: wrk with the scripts in lua/, and pgbench
    questions, claims, fresh, setting_up, starting, identity      what the kinds of rows do
    goals       whether a figure reached what the design asks
    report      latest.json, the table, docs/performance.md
    plots       lines on logarithmic axes, as SVG
    machine     what all this ran on

Four older scripts measure one part without a service around it and are run by name: engine (search and patch), entry
(ways into a worker), switching (the switch interval), claims_direct (the committer).
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))  # `servers` and the reference's environment are shared with the tests
