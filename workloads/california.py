"""California's counties and operators: the facts behind the workload's shape.

Populations: United States Census Bureau, 2020 Census Redistricting Data (Public Law 94-171), Table P1, California's
counties; they add up to the state's 39,538,223. FIPS codes: ANSI INCITS 31, state 06. One area code per county, the
one that serves its seat, from the North American Numbering Plan Administrator's list of California.

Operators' shares: U.S. wireless subscriptions at the end of 2019, the last quarter in which Sprint reported on its own
(AT&T 165.9 million, Verizon 120.0, T-Mobile 86.0, Sprint 54.2 as published in the companies' fourth-quarter 2019
reports), rounded to whole percent of their sum.
"""

from typing import NamedTuple


class County(NamedTuple):
    """A county: five-digit FIPS code, name, population in 2020 and telephone area code."""

    fips: str
    name: str
    population: int
    area_code: int


COUNTIES = tuple(
    County(f"06{2 * rank + 1:03d}", name, population, area_code)
    for rank, (name, population, area_code) in enumerate(
        (
            ("Alameda", 1_682_353, 510),
            ("Alpine", 1_204, 530),
            ("Amador", 40_474, 209),
            ("Butte", 211_632, 530),
            ("Calaveras", 45_292, 209),
            ("Colusa", 21_839, 530),
            ("Contra Costa", 1_165_927, 925),
            ("Del Norte", 27_743, 707),
            ("El Dorado", 191_185, 530),
            ("Fresno", 1_008_654, 559),
            ("Glenn", 28_917, 530),
            ("Humboldt", 136_463, 707),
            ("Imperial", 179_702, 760),
            ("Inyo", 19_016, 760),
            ("Kern", 909_235, 661),
            ("Kings", 152_486, 559),
            ("Lake", 68_163, 707),
            ("Lassen", 32_730, 530),
            ("Los Angeles", 10_014_009, 213),
            ("Madera", 156_255, 559),
            ("Marin", 262_321, 415),
            ("Mariposa", 17_131, 209),
            ("Mendocino", 91_601, 707),
            ("Merced", 281_202, 209),
            ("Modoc", 8_700, 530),
            ("Mono", 13_195, 760),
            ("Monterey", 439_035, 831),
            ("Napa", 138_019, 707),
            ("Nevada", 102_241, 530),
            ("Orange", 3_186_989, 714),
            ("Placer", 404_739, 916),
            ("Plumas", 19_790, 530),
            ("Riverside", 2_418_185, 951),
            ("Sacramento", 1_585_055, 916),
            ("San Benito", 64_209, 831),
            ("San Bernardino", 2_181_654, 909),
            ("San Diego", 3_298_634, 619),
            ("San Francisco", 873_965, 415),
            ("San Joaquin", 779_233, 209),
            ("San Luis Obispo", 282_424, 805),
            ("San Mateo", 764_442, 650),
            ("Santa Barbara", 448_229, 805),
            ("Santa Clara", 1_936_259, 408),
            ("Santa Cruz", 270_861, 831),
            ("Shasta", 182_155, 530),
            ("Sierra", 3_236, 530),
            ("Siskiyou", 44_076, 530),
            ("Solano", 453_491, 707),
            ("Sonoma", 488_863, 707),
            ("Stanislaus", 552_878, 209),
            ("Sutter", 99_633, 530),
            ("Tehama", 65_829, 530),
            ("Trinity", 16_112, 530),
            ("Tulare", 473_117, 559),
            ("Tuolumne", 55_620, 209),
            ("Ventura", 843_843, 805),
            ("Yolo", 216_403, 530),
            ("Yuba", 81_575, 530),
        )
    )
)

#: Share of records by operator, in the order of `engines.contract.record.OPERATORS`.
OPERATOR_SHARES = (0.39, 0.13, 0.20, 0.28)

#: Share of calls among records; the rest are texts.
CALL_SHARE = 0.4

#: Median and shape (standard deviation of the logarithm) of the log-normal length of a call, in seconds. Telephone
#: calls' lengths are close to log-normal: Guo et al., "Estimate the Call Duration Distribution Parameters in GSM
#: System Based on K-L Divergence Method", WiCom 2007. One minute and 1.1 put the mean near 110 s.
CALL_DURATION_MEDIAN_S = 60.0
CALL_DURATION_SIGMA = 1.1
