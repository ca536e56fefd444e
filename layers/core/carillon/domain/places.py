"""
The states and provinces of North America: their zones, area codes and postal codes. Data only.

Sources: the IANA time zone database for zones (every zone that is law in some part of the
state; a county's custom is left out); the North American Numbering Plan Administrator's
area codes (nanpa.com), as libphonenumber's geocoding data has them, to which a test holds
them; the United States Postal Service's three-digit ZIP prefixes (labeling list L002) and
Canada Post's first letters of postal codes.
"""

from collections.abc import Mapping
from typing import Final

# Every zone of each state, territory and province.
STATE_ZONES: Final[Mapping[str, tuple[str, ...]]] = {
    "US-AL": ("America/Chicago",),
    "US-AK": ("America/Anchorage", "America/Adak"),
    # The Navajo Nation changes its clocks, the rest of the state does not.
    "US-AZ": ("America/Phoenix", "America/Denver"),
    "US-AR": ("America/Chicago",),
    "US-CA": ("America/Los_Angeles",),
    "US-CO": ("America/Denver",),
    "US-CT": ("America/New_York",),
    "US-DE": ("America/New_York",),
    "US-DC": ("America/New_York",),
    "US-FL": ("America/New_York", "America/Chicago"),
    "US-GA": ("America/New_York",),
    "US-HI": ("Pacific/Honolulu",),
    "US-ID": ("America/Boise", "America/Los_Angeles"),
    "US-IL": ("America/Chicago",),
    "US-IN": ("America/New_York", "America/Chicago"),
    "US-IA": ("America/Chicago",),
    "US-KS": ("America/Chicago", "America/Denver"),
    "US-KY": ("America/New_York", "America/Chicago"),
    "US-LA": ("America/Chicago",),
    "US-ME": ("America/New_York",),
    "US-MD": ("America/New_York",),
    "US-MA": ("America/New_York",),
    "US-MI": ("America/New_York", "America/Chicago"),
    "US-MN": ("America/Chicago",),
    "US-MS": ("America/Chicago",),
    "US-MO": ("America/Chicago",),
    "US-MT": ("America/Denver",),
    "US-NE": ("America/Chicago", "America/Denver"),
    # West Wendover keeps Utah's time by federal rule.
    "US-NV": ("America/Los_Angeles", "America/Denver"),
    "US-NH": ("America/New_York",),
    "US-NJ": ("America/New_York",),
    "US-NM": ("America/Denver",),
    "US-NY": ("America/New_York",),
    "US-NC": ("America/New_York",),
    "US-ND": ("America/Chicago", "America/Denver"),
    "US-OH": ("America/New_York",),
    "US-OK": ("America/Chicago",),
    "US-OR": ("America/Los_Angeles", "America/Boise"),
    "US-PA": ("America/New_York",),
    "US-RI": ("America/New_York",),
    "US-SC": ("America/New_York",),
    "US-SD": ("America/Chicago", "America/Denver"),
    "US-TN": ("America/New_York", "America/Chicago"),
    "US-TX": ("America/Chicago", "America/Denver"),
    "US-UT": ("America/Denver",),
    "US-VT": ("America/New_York",),
    "US-VA": ("America/New_York",),
    "US-WA": ("America/Los_Angeles",),
    "US-WV": ("America/New_York",),
    "US-WI": ("America/Chicago",),
    "US-WY": ("America/Denver",),
    "US-PR": ("America/Puerto_Rico",),
    "US-VI": ("America/St_Thomas",),
    "US-GU": ("Pacific/Guam",),
    "US-MP": ("Pacific/Saipan",),
    "US-AS": ("Pacific/Pago_Pago",),
    "CA-AB": ("America/Edmonton",),
    "CA-BC": ("America/Vancouver", "America/Edmonton", "America/Fort_Nelson"),
    "CA-MB": ("America/Winnipeg",),
    "CA-NB": ("America/Halifax",),
    "CA-NL": ("America/St_Johns", "America/Goose_Bay"),
    "CA-NS": ("America/Halifax",),
    "CA-NT": ("America/Edmonton",),
    "CA-NU": ("America/Iqaluit", "America/Rankin_Inlet", "America/Cambridge_Bay",
              "America/Panama"),
    # Atikokan keeps eastern standard time all year, as Panama does.
    "CA-ON": ("America/Toronto", "America/Winnipeg", "America/Panama"),
    "CA-PE": ("America/Halifax",),
    # The Magdalen Islands, and the Lower North Shore, which does not change its clocks.
    "CA-QC": ("America/Toronto", "America/Halifax", "America/Puerto_Rico"),
    # Lloydminster keeps Alberta's time, Creighton Manitoba's.
    "CA-SK": ("America/Regina", "America/Edmonton", "America/Winnipeg"),
    "CA-YT": ("America/Whitehorse",),
}  # fmt: skip

STATE_NAMES: Final[Mapping[str, str]] = {
    "alabama": "US-AL", "alaska": "US-AK", "arizona": "US-AZ", "arkansas": "US-AR",
    "california": "US-CA", "colorado": "US-CO", "connecticut": "US-CT", "delaware": "US-DE",
    "district of columbia": "US-DC", "washington dc": "US-DC", "florida": "US-FL",
    "georgia": "US-GA", "hawaii": "US-HI", "idaho": "US-ID", "illinois": "US-IL",
    "indiana": "US-IN", "iowa": "US-IA", "kansas": "US-KS", "kentucky": "US-KY",
    "louisiana": "US-LA", "maine": "US-ME", "maryland": "US-MD", "massachusetts": "US-MA",
    "michigan": "US-MI", "minnesota": "US-MN", "mississippi": "US-MS", "missouri": "US-MO",
    "montana": "US-MT", "nebraska": "US-NE", "nevada": "US-NV", "new hampshire": "US-NH",
    "new jersey": "US-NJ", "new mexico": "US-NM", "new york": "US-NY",
    "north carolina": "US-NC", "north dakota": "US-ND", "ohio": "US-OH", "oklahoma": "US-OK",
    "oregon": "US-OR", "pennsylvania": "US-PA", "rhode island": "US-RI",
    "south carolina": "US-SC", "south dakota": "US-SD", "tennessee": "US-TN", "texas": "US-TX",
    "utah": "US-UT", "vermont": "US-VT", "virginia": "US-VA", "washington": "US-WA",
    "washington state": "US-WA", "west virginia": "US-WV", "wisconsin": "US-WI",
    "wyoming": "US-WY", "puerto rico": "US-PR", "virgin islands": "US-VI",
    "us virgin islands": "US-VI", "guam": "US-GU", "northern mariana islands": "US-MP",
    "american samoa": "US-AS",
    "alberta": "CA-AB", "british columbia": "CA-BC", "manitoba": "CA-MB",
    "new brunswick": "CA-NB", "newfoundland": "CA-NL", "newfoundland and labrador": "CA-NL",
    "nova scotia": "CA-NS", "northwest territories": "CA-NT", "nunavut": "CA-NU",
    "ontario": "CA-ON", "prince edward island": "CA-PE", "quebec": "CA-QC",
    "saskatchewan": "CA-SK", "yukon": "CA-YT", "yukon territory": "CA-YT",
    # Older postal abbreviations.
    "nf": "CA-NL", "pq": "CA-QC", "yk": "CA-YT",
}  # fmt: skip

# Jurisdiction -> its area codes. 782 and 902 serve two provinces, 867 three territories.
_AREA_CODES: Final[Mapping[str, str]] = {
    "US-AK": "907",
    "US-AL": "205 251 256 334 659 938",
    "US-AR": "327 479 501 870",
    "US-AZ": "480 520 602 623 928",
    "US-CA": "209 213 279 310 323 341 350 369 408 415 424 442 510 530 559 562 619 626 628 650 "
             "657 661 669 707 714 738 747 760 805 818 820 831 840 858 909 916 925 949 951",
    "US-CO": "303 719 720 748 970 983",
    "US-CT": "203 475 860 959",
    "US-DC": "202 771",
    "US-DE": "302",
    "US-FL": "239 305 321 324 352 386 407 448 561 645 656 689 727 728 754 772 786 813 850 863 "
             "904 941 954",
    "US-GA": "229 404 470 478 678 706 762 770 912 943",
    "US-HI": "808",
    "US-IA": "319 515 563 641 712",
    "US-ID": "208 986",
    "US-IL": "217 224 309 312 331 447 464 618 630 708 730 773 779 815 847 872",
    "US-IN": "219 260 317 463 574 765 812 930",
    "US-KS": "316 620 785 913",
    "US-KY": "270 364 502 606 859",
    "US-LA": "225 318 337 504 985",
    "US-MA": "339 351 413 508 617 774 781 857 978",
    "US-MD": "227 240 301 410 443 667",
    "US-ME": "207",
    "US-MI": "231 248 269 313 517 586 616 734 810 906 947 989",
    "US-MN": "218 320 507 612 651 763 952",
    "US-MO": "235 314 417 557 573 636 660 816 975",
    "US-MS": "228 601 662 769",
    "US-MT": "406",
    "US-NC": "252 336 472 704 743 828 910 919 980 984",
    "US-ND": "701",
    "US-NE": "308 402 531",
    "US-NH": "603",
    "US-NJ": "201 551 609 640 732 848 856 862 908 973",
    "US-NM": "505 575",
    "US-NV": "702 725 775",
    "US-NY": "212 315 329 332 347 363 516 518 585 607 631 646 680 716 718 838 845 914 917 929 "
             "934",
    "US-OH": "216 220 234 283 326 330 380 419 440 513 567 614 740 937",
    "US-OK": "405 539 572 580 918",
    "US-OR": "458 503 541 971",
    "US-PA": "215 223 267 272 412 445 484 570 582 610 717 724 814 835 878",
    "US-RI": "401",
    "US-SC": "803 821 839 843 854 864",
    "US-SD": "605",
    "US-TN": "423 615 629 731 865 901 931",
    "US-TX": "210 214 254 281 325 346 361 409 430 432 469 512 682 713 726 737 806 817 830 832 "
             "903 915 936 940 945 956 972 979",
    "US-UT": "385 435 801",
    "US-VA": "276 434 540 571 686 703 757 804 826 948",
    "US-VT": "802",
    "US-WA": "206 253 360 425 509 564",
    "US-WI": "262 274 353 414 534 608 715 920",
    "US-WV": "304 681",
    "US-WY": "307",
    "US-PR": "787 939",
    "US-VI": "340",
    "US-GU": "671",
    "US-MP": "670",
    "US-AS": "684",
    "CA-AB": "368 403 587 780 825",
    "CA-BC": "236 250 257 604 672 778",
    "CA-MB": "204 431 584",
    "CA-NB": "428 506",
    "CA-NL": "709 879",
    "CA-NS": "782 902",
    "CA-NT": "867",
    "CA-NU": "867",
    "CA-ON": "226 249 289 343 365 382 416 437 519 548 613 647 683 705 742 753 807 905 942",
    "CA-PE": "782 902",
    "CA-QC": "263 273 354 367 418 438 450 468 514 579 581 819 873",
    "CA-SK": "306 474 639",
    "CA-YT": "867",
    "AG": "268", "AI": "264", "BB": "246", "BM": "441", "BS": "242", "DM": "767",
    "DO": "809 829 849", "GD": "473", "JM": "658 876", "KN": "869", "KY": "345", "LC": "758",
    "MS": "664", "SX": "721", "TC": "649", "TT": "868", "VC": "784", "VG": "284",
}  # fmt: skip

# Toll-free, personal and premium numbers: anywhere in the United States or Canada.
_NON_GEOGRAPHIC: Final = (
    "500 521 522 523 524 525 526 527 528 529 532 533 544 566 577 588 600 622 633 "
    "700 710 800 822 833 844 855 866 877 888 900"
)
NON_GEOGRAPHIC: Final = frozenset(_NON_GEOGRAPHIC.split())

# From the first to the last three-digit ZIP prefix of a state, both included.
_ZIP_PREFIXES: Final[Mapping[str, str]] = {
    "US-AL": "350-352 354-369", "US-AK": "995-999", "US-AZ": "850-853 855-857 859-860 863-865",
    "US-AR": "716-729 755", "US-CA": "900-908 910-928 930-961", "US-CO": "800-816",
    "US-CT": "060-069", "US-DE": "197-199", "US-DC": "200 202-205 569",
    "US-FL": "320-339 341-342 344 346-347 349", "US-GA": "300-319 398-399", "US-HI": "967-968",
    "US-ID": "832-838", "US-IL": "600-620 622-629", "US-IN": "460-479", "US-IA": "500-516 520-528",
    "US-KS": "660-662 664-679", "US-KY": "400-418 420-427", "US-LA": "700-701 703-708 710-714",
    "US-ME": "039-049", "US-MD": "206-212 214-219", "US-MA": "010-027 055", "US-MI": "480-499",
    "US-MN": "550-551 553-567", "US-MS": "386-397", "US-MO": "630-631 633-641 644-658",
    "US-MT": "590-599", "US-NE": "680-681 683-693", "US-NV": "889-891 893-895 897-898",
    "US-NH": "030-038", "US-NJ": "070-089", "US-NM": "870-871 873-884",
    # 063 serves Fishers Island, which is New York, beside Connecticut.
    "US-NY": "005 063 100-149", "US-NC": "270-289", "US-ND": "580-588", "US-OH": "430-459",
    "US-OK": "730-731 734-741 743-749", "US-OR": "970-979", "US-PA": "150-196",
    "US-RI": "028-029", "US-SC": "290-299", "US-SD": "570-577", "US-TN": "370-385",
    "US-TX": "733 750-799 885", "US-UT": "840-847", "US-VT": "050-054 056-059",
    "US-VA": "201 220-246", "US-WA": "980-986 988-994", "US-WV": "247-268",
    "US-WI": "530-532 534-535 537-549", "US-WY": "820-831 834", "US-PR": "006-007 009",
    "US-VI": "008", "US-GU": "969", "US-MP": "969", "US-AS": "967",
}  # fmt: skip

# Soldiers' and sailors' mail, forwarded to wherever they are.
_MILITARY_ZIP_PREFIXES: Final = frozenset(
    {*(f"{prefix:03}" for prefix in range(90, 99)), "340", *map(str, range(962, 967))}
)

_POSTAL_LETTERS: Final[Mapping[str, tuple[str, ...]]] = {
    "A": ("CA-NL",), "B": ("CA-NS",), "C": ("CA-PE",), "E": ("CA-NB",), "G": ("CA-QC",),
    "H": ("CA-QC",), "J": ("CA-QC",), "K": ("CA-ON",), "L": ("CA-ON",), "M": ("CA-ON",),
    "N": ("CA-ON",), "P": ("CA-ON",), "R": ("CA-MB",), "S": ("CA-SK",), "T": ("CA-AB",),
    "V": ("CA-BC",), "X": ("CA-NT", "CA-NU"), "Y": ("CA-YT",),
}  # fmt: skip


def _by_area_code() -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for place, codes in _AREA_CODES.items():
        for code in codes.split():
            table[code] = (*table.get(code, ()), place)
    return table


def _by_zip_prefix() -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for place, ranges in _ZIP_PREFIXES.items():
        for span in ranges.split():
            first, _, last = span.partition("-")
            for prefix in range(int(first), int(last or first) + 1):
                table[f"{prefix:03}"] = (*table.get(f"{prefix:03}", ()), place)
    return table


# Area code -> where it is: states, provinces, or another country of the numbering plan.
AREA_CODES: Final[Mapping[str, tuple[str, ...]]] = _by_area_code()
_ZIP_STATES: Final[Mapping[str, tuple[str, ...]]] = _by_zip_prefix()


def zip_states(prefix: str) -> tuple[str, ...]:
    """Return the states that the three digits *prefix* of a ZIP code serve; none if unknown."""
    return _ZIP_STATES.get(prefix, ())


def is_military_zip(prefix: str) -> bool:
    """Whether the three digits *prefix* begin the ZIP codes of a military post."""
    return prefix in _MILITARY_ZIP_PREFIXES


def postal_provinces(letter: str) -> tuple[str, ...]:
    """Return the provinces of a Canadian postal code's first *letter*; none if unknown."""
    return _POSTAL_LETTERS.get(letter, ())


def zones_of_states(country: str) -> tuple[str, ...]:
    """Return every zone of ``US`` or ``CA``."""
    return tuple(
        sorted({z for state, zones in STATE_ZONES.items() if state[:2] == country for z in zones})
    )
