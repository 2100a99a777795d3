"""Why a pair is told no."""

from events.runtime.refusals import Refusal


class EngagementOver(Refusal):
    """A change to a pair that ended, or that a participant left."""

    slug, status, title = "engagement-over", 409, "This pair meets no more"


class AlreadyAgreed(Refusal):
    """A proposal or a signature after both have signed."""

    slug, status, title = "already-agreed", 409, "Both of you have signed the agreement"


class NothingToSign(Refusal):
    """A signature before any proposal."""

    slug, status, title = "nothing-to-sign", 409, "There is no agreement yet; propose one"


class SignedByYou(Refusal):
    """The proposer's own second signature."""

    slug, status, title = "signed-by-you", 409, "You signed this agreement by proposing it; the other side signs next"


class NotAgreed(Refusal):
    """A log before the agreement."""

    slug, status, title = "not-agreed", 409, "Both of you have to sign the agreement before you log a session"


class NotInTheFuture(Refusal):
    """A plan for now or for the past."""

    slug, status, title = "not-in-the-future", 422, "A plan starts in the future"


class TooFarAhead(Refusal):
    """A plan for a time that nobody's calendar reaches."""

    slug, status, title = "too-far-ahead", 422, "Plan no further ahead than a year"


class LengthOutsideLimits(Refusal):
    """A plan that is too short or too long."""

    slug, status, title = "length-outside-limits", 422, "A session is planned for 15 to 240 minutes"


class OverlapsPlan(Refusal):
    """A plan at the time of another open one."""

    slug, status, title = "overlaps-plan", 409, "Another planned session takes place at that time"


class TooManyPlanned(Refusal):
    """A plan beyond the number of open ones."""

    slug, status, title = "too-many-planned", 409, "Hold or cancel a planned session before you plan another one"


class NotPlanned(Refusal):
    """A session that never was, or that was cancelled."""

    slug, status, title = "not-planned", 404, "This pair has no planned session with that id"


class AlreadyLogged(Refusal):
    """A second log of one session, or its cancellation."""

    slug, status, title = "already-logged", 409, "This session is logged"


class NotYetHeld(Refusal):
    """A log of the future, or of a session that would still go on."""

    slug, status, title = "not-yet-held", 422, "A session is logged after it was held"


class BeforeAgreement(Refusal):
    """A log of the time before the agreement."""

    slug, status, title = "before-agreement", 422, "The first session is held after both have signed the agreement"


class OverlapsHeldSession(Refusal):
    """A log of a time that another log covers."""

    slug, status, title = "overlaps-held-session", 409, "Another session was held at that time"
