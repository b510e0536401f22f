"""Allocation candidates: where a request could be satisfied."""

from __future__ import annotations

import logging
import secrets
from dataclasses import replace

from ullage.engine import search
from ullage.engine.effort import Effort
from ullage.model.candidate import Findings
from ullage.model.request import CandidateRequest
from ullage.operations.mirror import CatchUp
from ullage.operations.service import Service

SEED_BITS = 63

logger = logging.getLogger(__name__)


def find(service: Service, request: CandidateRequest, arrival: CatchUp | None = None) -> Findings:
    """Candidates in the order that the service is set to; raises UnknownResourceClass, UnknownTraits.

    What was found is there even if the search gave up (`Findings.gave_up`); what that means is the asker's to know.
    `arrival`: when the request came, as the mirror told, where it had to wait since.
    """
    options = service.search_options
    seed = secrets.randbits(SEED_BITS) if options.randomise else request.seed
    asked = replace(request, strategy=options.strategy, seed=seed)
    effort = Effort(options.work_max)
    effort.pause = service.searching.make_way
    findings = search.find(service.mirror.fresh(arrival), asked, options.candidates_max, effort)
    if findings.truncated:
        logger.warning("a search was cut short at %d candidates", findings.count)
    return findings
