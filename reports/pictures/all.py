"""All pictures of a result, in reading order."""

from __future__ import annotations

import matplotlib

from harness.results.result import Result
from reports.pictures.comparison import draw_comparison
from reports.pictures.dashboard import draw_dashboard
from reports.pictures.delivery import draw_delivery
from reports.pictures.quantiles import draw_quantiles
from reports.pictures.resilience import draw_resilience
from reports.pictures.run import (
    draw_cost,
    draw_lag,
    draw_latency_over_time,
    draw_operator_volume,
    draw_throughput,
)
from reports.pictures.soak import draw_soak
from reports.pictures.style import STYLE, Picture, watermark
from reports.pictures.waterfall import draw_waterfall
from reports.wording.notes import asks_for_counts

DRAWINGS = (
    draw_quantiles,
    draw_delivery,
    draw_comparison,
    draw_soak,
    draw_resilience,
    draw_dashboard,
    draw_waterfall,
    draw_latency_over_time,
    draw_throughput,
    draw_lag,
    draw_cost,
    draw_operator_volume,
)

#: Those that show when records became visible, which is known of counts only.
OF_RECORDS = (draw_waterfall, draw_latency_over_time, draw_throughput, draw_lag)


def draw_all(result: Result) -> list[Picture]:
    """Every picture that `result` has something for; each is watermarked if the run is invalid.

    Raises:
        Exception: what `hdrh` raises of an engine's histogram that is no HdrHistogram.
    """
    with matplotlib.rc_context(STYLE):
        drawings = [draw for draw in DRAWINGS if asks_for_counts(result) or draw not in OF_RECORDS]
        pictures = [picture for draw in drawings if (picture := draw(result))]
        if not result.valid:
            for picture in pictures:
                watermark(picture.figure)
    return pictures
