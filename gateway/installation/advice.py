"""Advice to operators for each error reason."""

_ADVICE = {
    "PROVIDER_CREDENTIALS": "make a new token in TRIFFT: trifft-gorgias merchant update {id} --trifft-token-file F",
    "PROVIDER_THROTTLED": "wait a minute: TRIFFT allows 50 requests in 10 s for each token",
    "PROVIDER_UNAVAILABLE": "wait, or correct the address: trifft-gorgias merchant update {id} --trifft-url ORIGIN",
    "PROVIDER_TIMEOUT": "wait, or correct the address: trifft-gorgias merchant update {id} --trifft-url ORIGIN",
    "PROVIDER_CONTRACT": "correct that line, or --trifft-url: trifft-gorgias merchant update {id} --profile F",
    "MERCHANT_NOT_FOUND": "trifft-gorgias merchant add {id} --trifft-url ORIGIN --trifft-token-file F",
    "MERCHANT_UNVERIFIED": "trifft-gorgias merchant verify {id} --email E --points N --give 1",
    "MEMBER_BLOCKED": "name another member",
    "STATUS_UNKNOWN": "name another member, or the status in the profile's active_states",
    "SEVERAL_WALLETS": "name the wallet that counts in the profile: [wallet] chosen",
    "WALLET_DISABLED": "name another member, or switch points on in TRIFFT",
    "MERCHANT_EXISTS": "to change it: trifft-gorgias merchant update {id}",
    "BAD_VALUE": "correct the value",
    "AWARD_NOT_FOUND": "the numbers are in: trifft-gorgias award list {id}",
    "AWARD_STATE": "what it is, and why: trifft-gorgias award show {id} {award}",
    "AWARD_IN_DOUBT": "settle what waits for a person: trifft-gorgias award list {id} --needs-person",
    "REVERSAL_TOO_LATE": "take the points back in TRIFFT Admin",
    "LIMIT_EXCEEDED": "its limits: trifft-gorgias merchant list; another: trifft-gorgias merchant update {id} --help",
    "SNAPSHOTS_UNAVAILABLE": "see that the server of LOYALTY_SNAPSHOTS_URL runs, then do it again",
    "STORE_UNAVAILABLE": "see that the database of LOYALTY_DATABASE_URL runs, then do it again",
    "CALLER_UNKNOWN": "set GATEWAY_LOYALTY_KEY to the LOYALTY_API_KEY of the loyalty service, or to a caller's key",
    "CALLER_FORBIDDEN": "set GATEWAY_LOYALTY_KEY to a key that may do this: LOYALTY_API_KEY, or an admin's key",
    "CALLER_EXISTS": "for a new key: trifft-gorgias caller remove NAME, then add it again",
    "CALLER_NOT_FOUND": "their names: trifft-gorgias caller list",
    "GORGIAS_SILENT": "wait, then see whether Gorgias answers: trifft-gorgias check {id}",
    "GORGIAS_ODD": "see what Gorgias answers: trifft-gorgias check {id}",
    "GORGIAS_BUSY": "wait a minute: Gorgias allows 40 requests in 20 s for each key, from all programs",
    "GORGIAS_GONE": "nothing: the customer was deleted or merged; the next event of the ticket names another",
    "GORGIAS_REFUSED": "give the user of the API key customers:read in Gorgias, then: trifft-gorgias install {id}",
    "GORGIAS_STORE": "see that the database of GATEWAY_DATABASE_URL runs",
    "SEARCHES_EXHAUSTED": "let an agent press Link to member in the ticket",
    "LOYALTY_UNAVAILABLE": "start the loyalty service, or correct GATEWAY_LOYALTY_TARGET",
    "LOYALTY_TIMEOUT": "look at the loyalty service: it is slow, or GATEWAY_LOYALTY_TARGET names something else",
}


def render_install_command(merchant_id: str) -> str:
    """The command that installs a shop for the first time."""
    options = "--gorgias-url URL --gorgias-user EMAIL --gorgias-key-file F"
    return f"trifft-gorgias install {merchant_id} {options}"


def render_settle_words(merchant_id: str, award_id: str) -> str:
    """How to settle an award. The command comes last, so that it can be copied to the end of the line."""
    return (
        "write down whether it was applied or not-applied: "
        f'trifft-gorgias award settle {merchant_id} {award_id} applied --because "…"'
    )


def render_verify_command(merchant_id: str) -> str:
    """The command that lets a shop give points."""
    return get_advice("MERCHANT_UNVERIFIED", merchant_id)


def get_advice(reason: str, merchant_id: str, award_id: str = "AWARD") -> str:
    """One line for the name of an ErrorReason, or of a reason of the gateway's own."""
    words = _ADVICE.get(reason, "look for this in the log of the loyalty service")
    return words.format(id=merchant_id, award=award_id)
