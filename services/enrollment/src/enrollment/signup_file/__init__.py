"""The sign-up file: CSV by RFC 4180 in UTF-8, one person a row. Pure: bytes in, sign-ups and numbered problems out.

The service reads uploads with it, and the command line checks a file with it before it is sent.
"""

from enrollment.signup_file.heading import COLUMNS, MAY_BE_ABSENT, Problem, Unreadable, plain
from enrollment.signup_file.reporting_lines import MOST_LEVELS, Settled, chain_above, circles, settle, unshortened
from enrollment.signup_file.sign_ups import MOST_BYTES, MOST_ROWS, RefusedRow, Rules, SignUp, read, read_cells

__all__ = [
    "COLUMNS",
    "MAY_BE_ABSENT",
    "MOST_BYTES",
    "MOST_LEVELS",
    "MOST_ROWS",
    "Problem",
    "RefusedRow",
    "Rules",
    "Settled",
    "SignUp",
    "Unreadable",
    "chain_above",
    "circles",
    "plain",
    "read",
    "read_cells",
    "settle",
    "unshortened",
]
