"""Pairs of local parts, names and IDs that differ, although a database, `casefold` or NFC treats them as equal."""

LOOK_ALIKES = [
    ("straße", "strasse"),
    ("jos\u00e9", "jose\u0301"),
    ("jos\u00e9", "jose"),
    ("\u212aim", "kim"),  # the Kelvin sign
    ("\uff4aana", "jana"),  # fullwidth
    ("\u0130nan", "inan"),  # dotted I
    ("inan", "\u0131nan"),  # dotless
    ("νίκος", "νίκοσ"),  # a final sigma
    ("j\u0430na", "jana"),  # a Cyrillic a
    ("Zoë", "Zoe"),
    ("ZOË", "zoë"),
    ("\ufb01ona", "fiona"),  # a ligature
]
