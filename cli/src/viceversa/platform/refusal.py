"""What the platform says when it cannot do what was asked."""


class PlatformRefused(Exception):
    """The platform cannot start or go on; the message says what, where and how to mend it."""


class AlreadyRuns(PlatformRefused):
    """Another `viceversa up` or `viceversa demo` holds the data folder."""
