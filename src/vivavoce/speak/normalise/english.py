"""English as it is read aloud: money, times, dates, units, Roman numerals, abbreviations.

Each rule is one pass over the text that writes out what it knows and leaves all else. The order
matters: what a later rule would misread is written out before.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from vivavoce.speak.normalise import addresses, numerals

Match: TypeAlias = re.Match[str]

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_SHORT_MONTHS = {m[:3].lower(): m for m in MONTHS} | {"sept": "September"} | {
    m.lower(): m for m in MONTHS
}  # fmt: skip
_MONTH = "(" + "|".join(sorted(_SHORT_MONTHS, key=len, reverse=True)) + r")\b\.?"
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_SCALE = r"(?:hundred|thousand|million|billion|trillion|bn|mn|[kKmMbB])"
_SCALES = {
    "k": "thousand", "m": "million", "mn": "million", "b": "billion", "bn": "billion",
}  # fmt: skip
CURRENCIES: dict[str, tuple[str, str, str, str]] = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "US$": ("US dollar", "US dollars", "cent", "cents"),
    "CA$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "NZ$": ("New Zealand dollar", "New Zealand dollars", "cent", "cents"),
    "HK$": ("Hong Kong dollar", "Hong Kong dollars", "cent", "cents"),
    "C$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "A$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "USD": ("US dollar", "US dollars", "cent", "cents"),
    "CAD": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "AUD": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "GBP": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "EUR": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "JPY": ("yen", "yen", "sen", "sen"),
    "CNY": ("yuan", "yuan", "fen", "fen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "INR": ("rupee", "rupees", "paisa", "paise"),
    "₽": ("ruble", "rubles", "kopeck", "kopecks"),
    "₩": ("won", "won", "jeon", "jeon"),
    "₺": ("lira", "lira", "kurus", "kurus"),
    "₿": ("bitcoin", "bitcoins", "satoshi", "satoshi"),
    "CHF": ("franc", "francs", "centime", "centimes"),
}
"""Currencies by sign or code: one and many of the whole, one and many of its hundredth part."""
_SIGN = "|".join(re.escape(s) for s in sorted(CURRENCIES, key=len, reverse=True))
UNITS: dict[str, tuple[str, str]] = {
    "km": ("kilometer", "kilometers"), "m": ("meter", "meters"), "cm": ("centimeter",
    "centimeters"),
    "mm": ("millimeter", "millimeters"), "nm": ("nanometer", "nanometers"),
    "μm": ("micrometer", "micrometers"), "µm": ("micrometer", "micrometers"),
    "mi": ("mile", "miles"), "ft": ("foot", "feet"), "yd": ("yard", "yards"),
    "in": ("inch", "inches"), "kg": ("kilogram", "kilograms"), "g": ("gram", "grams"),
    "mg": ("milligram", "milligrams"), "μg": ("microgram", "micrograms"),
    "µg": ("microgram", "micrograms"), "lb": ("pound", "pounds"), "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"), "l": ("liter", "liters"), "L": ("liter", "liters"),
    "ml": ("milliliter", "milliliters"), "mL": ("milliliter", "milliliters"),
    "cl": ("centiliter", "centiliters"), "gal": ("gallon", "gallons"),
    "tbsp": ("tablespoon", "tablespoons"), "tsp": ("teaspoon", "teaspoons"),
    "s": ("second", "seconds"), "sec": ("second", "seconds"), "ms": ("millisecond", "milliseconds"),
    "min": ("minute", "minutes"), "mins": ("minute", "minutes"), "h": ("hour", "hours"),
    "hr": ("hour", "hours"), "hrs": ("hour", "hours"),
    "mph": ("mile per hour", "miles per hour"), "kph": ("kilometer per hour",
    "kilometers per hour"),
    "rpm": ("revolution per minute", "revolutions per minute"),
    "Hz": ("hertz", "hertz"), "kHz": ("kilohertz", "kilohertz"), "MHz": ("megahertz", "megahertz"),
    "GHz": ("gigahertz", "gigahertz"), "W": ("watt", "watts"), "kW": ("kilowatt", "kilowatts"),
    "MW": ("megawatt", "megawatts"), "kWh": ("kilowatt hour", "kilowatt hours"),
    "V": ("volt", "volts"), "A": ("amp", "amps"), "mA": ("milliamp", "milliamps"),
    "mAh": ("milliamp hour", "milliamp hours"), "Ω": ("ohm", "ohms"), "J": ("joule", "joules"),
    "kJ": ("kilojoule", "kilojoules"), "kcal": ("kilocalorie", "kilocalories"),
    "cal": ("calorie", "calories"), "N": ("newton", "newtons"), "Pa": ("pascal", "pascals"),
    "kPa": ("kilopascal", "kilopascals"), "hPa": ("hectopascal", "hectopascals"),
    "bar": ("bar", "bars"), "dB": ("decibel", "decibels"), "B": ("byte", "bytes"),
    "KB": ("kilobyte", "kilobytes"), "kB": ("kilobyte", "kilobytes"),
    "MB": ("megabyte", "megabytes"), "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"), "kbps": ("kilobit per second", "kilobits per second"),
    "Mbps": ("megabit per second", "megabits per second"),
    "Gbps": ("gigabit per second", "gigabits per second"), "px": ("pixel", "pixels"),
    "ha": ("hectare", "hectares"), "ac": ("acre", "acres"), "t": ("ton", "tons"),
    "K": ("kelvin", "kelvins"), "fps": ("frame per second", "frames per second"),
    "°C": ("degree Celsius", "degrees Celsius"), "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°": ("degree", "degrees"),
}  # fmt: skip
"""Units by their signs: one and many."""
_CAREFUL = {"in", "m", "A", "N", "W", "V", "J", "K", "t", "l", "h", "s", "g", "B", "ac", "bar"}
"""Signs that are also words or letters: they are units only beside a plain number."""
_UNIT = "|".join(re.escape(u) for u in sorted(UNITS, key=len, reverse=True))
_ABBREVIATIONS = {
    "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Dr": "Doctor", "Prof": "Professor",
    "Rev": "Reverend", "Hon": "Honorable", "Gen": "General", "Col": "Colonel", "Capt": "Captain",
    "Lt": "Lieutenant", "Sgt": "Sergeant", "Maj": "Major", "Gov": "Governor", "Sen": "Senator",
    "Rep": "Representative", "Pres": "President", "Jr": "Junior", "Sr": "Senior", "Mt": "Mount",
    "Ft": "Fort", "Ave": "Avenue", "Blvd": "Boulevard", "Rd": "Road", "Ln": "Lane",
    "Hwy": "Highway",
    "Apt": "Apartment", "Dept": "Department", "Inc": "Incorporated", "Corp": "Corporation",
    "Ltd": "Limited", "Co": "Company", "Bros": "Brothers", "Univ": "University",
    "Assn": "Association",
    "vs": "versus", "approx": "approximately", "etc": "et cetera", "est": "established",
    "fig": "figure", "Fig": "Figure", "figs": "figures", "vol": "volume", "Vol": "Volume",
    "ch": "chapter", "Ch": "Chapter", "pp": "pages", "ed": "edition", "eds": "editors",
    "Jan": "January", "Feb": "February", "Mar": "March", "Apr": "April", "Jun": "June",
    "Jul": "July", "Aug": "August", "Sep": "September", "Sept": "September", "Oct": "October",
    "Nov": "November", "Dec": "December", "Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday",
    "Wed": "Wednesday", "Thu": "Thursday", "Thur": "Thursday", "Thurs": "Thursday",
    "Fri": "Friday", "tel": "telephone", "Tel": "Telephone", "temp": "temperature",
    "min": "minimum", "max": "maximum", "avg": "average", "dept": "department",
    "govt": "government",
    "misc": "miscellaneous", "esp": "especially", "incl": "including", "ext": "extension",
    "Ext": "Extension", "p": "page", "no": "number", "No": "Number", "Nos": "Numbers",
    "nos": "numbers",
}  # fmt: skip
_ONLY_BEFORE_NUMBER = {"p", "no", "No", "Nos", "nos", "fig", "Fig", "vol", "Vol", "ch", "Ch", "pp",
                       "ext", "Ext", "ed", "min", "max", "est"}  # fmt: skip
_SENTENCE_ENDERS = {"etc", "Inc", "Corp", "Ltd", "Co", "Jr", "Sr", "Bros", "Ave", "Blvd", "Rd",
                    "Ln", "dept", "Dept"}  # fmt: skip
_DOTTED = {
    "e.g.": "for example", "i.e.": "that is", "a.m.": "a m", "p.m.": "p m",
    "a.k.a.": "also known as",
    "c.f.": "compare", "cf.": "compare", "et al.": "and others", "w/o": "without", "w/": "with ",
    "b/c": "because", "c/o": "care of", "n/a": "not applicable", "N/A": "not applicable",
    "24/7": "twenty-four seven", "9/11": "nine eleven", "R&B": "R and B", "R&D": "R and D",
    "Q&A": "Q and A", "AT&T": "A T and T", "C++": "C plus plus", "C#": "C sharp", "F#": "F sharp",
    "A/C": "A C", "aka": "also known as", "FAQ": "F A Q",
}  # fmt: skip
_NAMED_ROMAN = (
    "world war|chapter|part|act|scene|volume|book|section|article|appendix|phase|level|type|class|"
    "grade|stage|episode|season|figure|table|lesson|unit|rocky|apollo|super bowl|final fantasy|"
    "title|schedule|annex|page|verse|canto|psalm|symphony|opus|war|division|tier|round|group|step|"
    "generation|gen|version|mark|model|star wars|olympiad|saturn|gemini|soyuz|windows|iphone|quake|"
    "diablo|civilization"
)
_RULERS = (
    "henry|louis|elizabeth|charles|george|edward|james|william|richard|john|paul|pius|benedict|"
    "gregory|innocent|leo|urban|clement|boniface|nicholas|alexander|napoleon|philip|francis|"
    "frederick|wilhelm|friedrich|mary|catherine|peter|ivan|ferdinand|carl|gustav|christian|"
    "harald|olaf|haakon|otto|leopold|albert|alfonso|ramesses|ptolemy|thutmose|amenhotep|xerxes|"
    "darius|cyrus|mehmed|suleiman|selim|murad|juan carlos|felipe|margrethe|beatrix|umberto|victor "
    "emmanuel|vittorio|robert|david|malcolm|alexei|anne|sixtus|julius|celestine|eugene|malcolm|king|"
    "queen|pope|emperor|tsar"
)
_ROMAN = r"(?=[IVXLC])(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_BEFORE_YEAR = {
    "in", "since", "by", "from", "until", "till", "of", "year", "before", "after", "during", "to",
    "around", "early", "late", "mid", "spring", "summer", "autumn", "fall", "winter", "the",
}  # fmt: skip
_NOT_NAMES = {"the", "a", "an", "and", "or", "in", "of", "for", "with", "see", "is", "was"}
_FRACTIONS = {2: ("half", "halves"), 4: ("quarter", "quarters")}
_SIGNS = (
    (r"(?<=\w)\s*&\s*(?=\w)", " and "),
    (r"(?<=[\w)])\s*=\s*(?=[\w(-])", " equals "),
    (r"(?<=\d)\s*[×*]\s*(?=\d)", " times "),
    (r"(?<=[\w)])\s+×\s+(?=\w)", " by "),
    (r"(?<=\d)\s*÷\s*(?=\d)", " divided by "),
    (r"\s*±\s*", " plus or minus "),
    (r"\s*[≤]\s*", " is at most "),
    (r"\s*[≥]\s*", " is at least "),
    (r"\s*≠\s*", " is not equal to "),
    (r"\s*[≈~](?=\s*\d)", " about "),
    (r"(?<=[\w)])\s*<\s*(?=[\w-])", " is less than "),
    (r"(?<=[\w)])\s*>\s*(?=[\w-])", " is greater than "),
    (r"(?<![\w)])<\s*(?=\d)", "less than "),
    (r"(?<![\w)])>\s*(?=\d)", "greater than "),
    (r"(?<=\w)_+(?=\w)", " "),
    (r"(?<=\w)\.(?=[a-z]\w)", " dot "),
    (r"(?<=\w)\s*\+\s*(?=\w)", " plus "),
    (r"(?<=\d)\+(?!\w)", " plus"),
    (r"(?<![\w-])\+(?=\d)", "plus "),
    (r"√\s*", "the square root of "),
    (r"π", " pi "),
    (r"∞", " infinity "),
    (r"§\s*", "section "),
    (r"¶\s*", "paragraph "),
    (r"%", " percent "),
    (r"‰", " per mille "),
    (r"°", " degrees "),
    (r"#(?=\s?\d)", "number "),
    (r"(?<=\w)\^2\b", " squared"),
    (r"(?<=\w)\^3\b", " cubed"),
    (r"(?<=\w)\^(?=\w)", " to the power of "),
    (r"(?<=\w)\s*@\s*(?=\w)", " at "),
    (r"(?<=\w)\s*\\\s*(?=\w)", " backslash "),
    (r"\bkm/h\b", "kilometers per hour"),
    (r"\bm/s\b", "meters per second"),
    (r"(?:(?<=\s)|^)/(?=\w)", "slash "),
    (r"(?<=[^\W\d])/(?=[^\W\d])", " "),
)
"""Signs that are spoken where they stand between words or numbers."""
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta",
    "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi",
    "ο": "omicron", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi",
    "χ": "chi", "ψ": "psi", "ω": "omega", "Δ": "delta", "Ω": "omega", "Σ": "sigma",
}  # fmt: skip
"""Names of single Greek letters, which stand for quantities."""


def written_out(text: str) -> str:
    """English `text` with everything in words that is not read as it is written."""
    text = re.sub(r"№\s*", "No. ", text)
    text = re.sub(r"(?<=[\d%])\s?–\s?(?=[\d$€£])", "-", text)
    text = _dotted(text)
    text = addresses.spoken(text, "en", _digit)
    if any(c.isdigit() for c in text):
        for rule in _NUMBER_RULES:
            text = rule(text)
    text = _romans(text)
    text = _abbreviations(text)
    for pattern, words in _SIGNS:
        text = re.sub(pattern, words, text)
    text = re.sub(r"(?<![Ͱ-Ͽ])[α-ωΔΩΣ](?![Ͱ-Ͽ])", lambda m: f" {_GREEK.get(m[0], m[0])} ", text)
    return re.sub(r"[ \t]{2,}", " ", text)


def _digit(d: str) -> str:
    return numerals.digit(d, "en")


def _say(number: str) -> str:
    """A number as written with commas, in words."""
    return numerals.cardinal(number.replace(",", ""), "en")


def _dotted(text: str) -> str:
    for short, words in _DOTTED.items():
        if short in text:
            after = r"(?!\w)" if short[-1] != " " and not short.endswith("/") else ""
            pattern = rf"(?<![\w/]){re.escape(short)}{after}"
            ends = short.endswith(".")

            def told(m: Match, words: str = words, ends: bool = ends) -> str:
                rest = m.string[m.end() :].lstrip()
                over = ends and words.endswith(" m") and (not rest or rest[0].isupper())
                return words + ("." if over else "")

            text = re.sub(pattern, told, text)
    return text


def _telephones(text: str) -> str:
    return addresses.telephone(text, "en", _digit)


def _dates(text: str) -> str:
    text = re.sub(
        r"(?<![\w/-])(\d{4})-(\d{1,2})-(\d{1,2})(?:T(\d{2}:\d{2})(?::\d{2})?Z?)?(?![\w/-])",
        lambda m: _date(m[0], int(m[3]), int(m[2]), m[1]) + (f" at {m[4]}" if m[4] else ""), text,
    )  # fmt: skip
    text = re.sub(
        r"(?<![\w/.])(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})(?![\w/])",
        lambda m: _numeric_date(m[0], int(m[1]), int(m[2]), m[3]), text,
    )  # fmt: skip
    text = re.sub(
        r"(?<![\w/.])(\d{1,2})\.(\d{1,2})\.(\d{4})(?![\w/.])",
        lambda m: _date(m[0], int(m[1]), int(m[2]), m[3]), text,
    )  # fmt: skip
    text = re.sub(
        rf"\b{_MONTH}\s+(\d{{1,2}})(?:st|nd|rd|th)?(?:\s*,?\s+(\d{{4}})\b)?(?![\d:.]|,\d|st|nd|rd|th|\s?%)",
        lambda m: _named_date(m, m[1], m[2], m[3], False), text, flags=re.IGNORECASE,
    )  # fmt: skip
    return re.sub(
        rf"(?<![\d.,:/$€£])(\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?\s+{_MONTH}(?:\s*,?\s+(\d{{4}})\b)?",
        lambda m: _named_date(m, m[2], m[1], m[3], True), text, flags=re.IGNORECASE,
    )  # fmt: skip


def _date(written: str, day: int, month: int, year: str) -> str:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return written
    return f"{MONTHS[month - 1]} {numerals.ordinal(day, 'en')}, {_year(int(year))}"


def _numeric_date(written: str, first: int, second: int, year: str) -> str:
    """03/05/2024 is March fifth, as in America; where that is no month, the day stands first."""
    month, day = (first, second) if first <= 12 else (second, first)
    full = int(year) if len(year) == 4 else 2000 + int(year) if int(year) < 70 else 1900 + int(year)
    return _date(written, day, month, str(full))


def _named_date(m: Match, month: str, day: str, year: str | None, day_first: bool) -> str:
    if month.lower() in ("may", "march", "mar", "dec", "sun") and month.islower():
        return m[0]  # a word
    if not 1 <= int(day) <= 31:
        return m[0]
    name, nth = _SHORT_MONTHS[month.lower()], numerals.ordinal(int(day), "en")
    said = f"the {nth} of {name}" if day_first else f"{name} {nth}"
    before = m.string[: m.start()].rstrip().lower()
    if day_first and before.endswith("the"):
        said = said.removeprefix("the ")
    return f"{said}, {_year(int(year))}" if year else said


def _times(text: str) -> str:
    half = r"(?:\s*([AaPp])\.?\s?[Mm]\b\.?)?"
    text = re.sub(
        r"(?<![\w.:])(1[0-2]|0?[1-9])\.([0-5]\d)(?=\s?[AaPp]\.?\s?[Mm]\b)", r"\1:\2", text
    )
    text = re.sub(r"(?<![\w.,])(\d{1,2})\s?h\s?([0-5]?\d)\s?m(?:in)?\b", r"\1 h \2 min", text)
    text = re.sub(r"(?<=\d:\d\d)\s?[-–]\s?(?=\d{1,2}:\d\d)", " to ", text)
    text = re.sub(
        rf"(?<![\w:.,])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?{half}(?![\w:]|\.\d)", _time, text
    )
    text = re.sub(
        r"(?<![\w:.,])(1[0-2]|0?[1-9])\s?([AaPp])\.?\s?[Mm]\b\.?",
        lambda m: f"{_say(m[1].lstrip('0'))} {m[2].lower()} m", text,
    )  # fmt: skip
    return re.sub(
        r"(?<![\w:.,$€£])(1[0-2]|[1-9])\s?o'clock", lambda m: f"{_say(m[1])} o'clock", text
    )


def _time(m: Match) -> str:
    hour, minute, second, half = int(m[1]), int(m[2]), m[3], m[4]
    if second is None and half is None and _is_score(m):
        return f"{_say(m[1])} to {_say(m[2].lstrip('0') or '0')}"
    said = _say(str(hour))
    if minute == 0 and second is None:
        said += "" if half else " o'clock" if 1 <= hour <= 12 else " hundred hours"
        if hour in (0, 24) and not half:
            said = "midnight"
    elif minute < 10:
        said += f" oh {_say(str(minute))}" if minute else " oh oh"
    else:
        said += f" {_say(str(minute))}"
    if second is not None:
        said += f" and {_say(str(int(second)))} seconds"
    return f"{said} {half.lower()} m" if half else said


def _is_score(m: Match) -> bool:
    before = m.string[: m.start()].rstrip().lower()
    return before.endswith(("won", "lost", "score of", "ratio of", "ratio", "odds of"))


def _money(text: str) -> str:
    text = re.sub(
        rf"(?<![\w.])(-)?({_SIGN})\s?({_NUMBER})\s?-\s?(?:\2)?({_NUMBER})(?:\s?({_SCALE})\b)?(?![\w])",
        lambda m: f"{_amount(m[3], '$none', None)} to {_amount(m[4], m[2], m[5])}", text,
    )  # fmt: skip
    text = re.sub(
        rf"(-)?(?<!\w)({_SIGN})\s?(-)?({_NUMBER})(?:\s?({_SCALE})\b)?",
        lambda m: ("minus " if m[1] or m[3] else "") + _amount(m[4], m[2], m[5]), text,
    )  # fmt: skip
    text = re.sub(
        rf"(?<![\w.,])(-)?({_NUMBER})(?:\s?({_SCALE}))?\s?({_SIGN})(?!\w)",
        lambda m: ("minus " if m[1] else "") + _amount(m[2], m[4], m[3]), text,
    )  # fmt: skip
    return re.sub(
        rf"(?<![\w.,])({_NUMBER})\s?([¢¢])",
        lambda m: f"{_say(m[1])} {_many(m[1], 'cent', 'cents')}",
        text,
    )


def _amount(number: str, sign: str, scale: str | None) -> str:
    if sign == "$none":
        return _say(number)
    one, many, part, parts = CURRENCIES[sign]
    if scale:
        word = _SCALES.get(scale.lower(), scale.lower())
        return f"{_say(number)} {word} {many}"
    whole, _, rest = number.replace(",", "").partition(".")
    if len(rest) > 2:
        return f"{_say(number)} {many}"
    cents = int((rest + "0")[:2]) if rest else 0
    said = f"{_say(whole)} {one if int(whole) == 1 else many}"
    if not cents:
        return said
    told = f"{_say(str(cents))} {part if cents == 1 else parts}"
    return told if int(whole) == 0 else f"{said} and {told}"


def _many(number: str, one: str, many: str) -> str:
    return one if number.replace(",", "") in ("1", "1.0") else many


def _percents(text: str) -> str:
    text = re.sub(
        rf"(?<![\w.,])({_NUMBER})\s?(?:%\s?)?[-–]\s?({_NUMBER})\s?%",
        lambda m: f"{_say(m[1])} to {_say(m[2])} percent", text,
    )  # fmt: skip
    return re.sub(
        rf"(?<![\w.,])([-+])?({_NUMBER})\s?%",
        lambda m: f"{_signed(m[1])}{_say(m[2])} percent", text,
    )  # fmt: skip


def _signed(sign: str | None) -> str:
    return {"-": "minus ", "+": "plus "}.get(sign or "", "")


def _units(text: str) -> str:
    text = re.sub(r"(\d)\s?°\s?([CFcf])(?![a-zA-Z])", lambda m: f"{m[1]} °{m[2].upper()}", text)
    text = re.sub(
        r"(?<![\w.,])(\d)'\s?(\d{1,2})(?:\"|'')", lambda m: f"{m[1]} ft {_say(m[2])} inches", text
    )
    text = re.sub(
        rf"(?<![\w.,])({_NUMBER})(?:\s?x\s?|×)({_NUMBER})(?:(?:\s?x\s?|×)({_NUMBER}))?(?!\w*\d)",
        lambda m: " by ".join(n for n in m.groups() if n), text,
    )  # fmt: skip
    power = r"(?:\^?([23]))?"
    return re.sub(
        rf"(?<![\w.,])([-+])?({_NUMBER}|\d+/\d+)((?:\s?[-–]\s?|\s+to\s+)({_NUMBER}))?(\s|-)?({_UNIT}){power}"
        rf"(?:/({_UNIT}){power})?(?![\w/°^]|\.\w)",
        _unit, text,
    )  # fmt: skip


def _unit(m: Match) -> str:
    sign, number, second, space, unit = m[1], m[2], m[4], m[5] or "", m[6]
    if unit in _CAREFUL and not _certain(m, unit, space):
        return m[0]
    if space == "-" and unit in _CAREFUL:
        return m[0]
    last = second or number
    one, many = UNITS[unit]
    exact = last.replace(",", "") in ("1", "1.0") or "/" in last
    name = one if exact or space == "-" else many
    name = {"2": "square ", "3": "cubic "}.get(m[7] or "", "") + name
    if m[8]:
        name += " per " + {"2": "square ", "3": "cubic "}.get(m[9] or "", "") + UNITS[m[8]][0]
        if m[9] and m[8] == "s":
            name = name.replace("square second", "second squared")
    said = _fraction_of(number) if "/" in number else _say(number)
    if "/" in number:
        name = ("of an " if name[0] in "aeiou" else "of a ") + name
    if second:
        said += f" to {_say(second)}"
    return f"{_signed(sign)}{said} {name}"


def _certain(m: Match, unit: str, space: str) -> bool:
    """Whether a sign that is also a word or letter is a unit here."""
    if m[7] or m[8]:
        return True
    rest = m.string[m.end() :]
    if unit == "in":  # 5 in, but not "5 in the"
        return not re.match(r"\s+[\w$€£]", rest) and not (space == " " and rest.strip() == "")
    if unit == "A":
        return space == " " and not re.match(r"\s+[a-z]", rest)
    if unit in ("s", "t", "B", "K", "h", "N", "V", "J", "ac", "bar"):
        return space == " " or (unit in ("s", "h", "V", "K") and "." in m[2]) or unit in ("h", "V")
    return True


def _fractions(text: str) -> str:
    text = re.sub(
        r"(?<![\w/.,])(\d+)\s+(?:and\s+)?(\d{1,3})/(\d{1,3})(?![\w/]|\.\d)",
        lambda m: f"{_say(m[1])} and {_fraction_of(f'{m[2]}/{m[3]}', True)}"
        if 0 < int(m[2]) < int(m[3]) else m[0], text,
    )  # fmt: skip
    return re.sub(
        r"(?<![\w/.,])(\d{1,3})/(\d{1,4})(?![\w/]|\.\d)", lambda m: _fraction_of(m[0]), text
    )


def _fraction_of(written: str, mixed: bool = False) -> str:
    top, bottom = (int(n) for n in written.split("/"))
    if bottom == 0 or bottom > 100 or top > 20 or (top >= bottom and bottom not in (2, 3, 4, 8)):
        return f"{_say(str(top))} over {_say(str(bottom))}"
    one, many = _FRACTIONS.get(bottom, ("", ""))
    if not one:
        one = numerals.ordinal(bottom, "en")
        many = one + "s"
    lead = ("a" if mixed and bottom in (2, 4) else "one") if top == 1 else _say(str(top))
    return f"{lead} {one if top == 1 else many}"


def _ordinals(text: str) -> str:
    return re.sub(
        r"(?<![\w.,])(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th)\b",
        lambda m: numerals.ordinal(int(m[1].replace(",", "")), "en"), text, flags=re.IGNORECASE,
    )  # fmt: skip


def _years(text: str) -> str:
    text = re.sub(r"(?<![\w.,])'?(\d{2}|\d{4})'?s\b", _decade, text)
    text = re.sub(
        r"(?<![\w.,$€£/:-])(1\d{3}|20\d{2})\s?[-–]\s?((?:1\d|20)\d{2}|\d{2})(?![\w/:%]|[.,]\d|-\d)",
        _from_year, text,
    )  # fmt: skip
    text = re.sub(
        r"(?<![\w.,])(\d{1,4})\s?(BC|BCE|AD|CE|B\.C\.|A\.D\.)(?!\w)",
        lambda m: f"{_year(int(m[1]))} {' '.join(m[2].replace('.', ''))}", text,
    )  # fmt: skip
    text = re.sub(r"\b(AD|BC)\s(\d{1,4})\b", lambda m: f"{' '.join(m[1])} {_year(int(m[2]))}", text)
    return re.sub(
        r"(?<![\w.,$€£/:#+-])(1[1-9]\d{2}|20\d{2})(?![\w/:%°]|[.,]\d|-\d)",
        lambda m: _say(m[1]) if _counts(m) else _year(int(m[1])), text,
    )  # fmt: skip


def _counts(m: Match) -> bool:
    """Whether a number that could be a year counts what follows: 2024 people, but in 2024 sales."""
    after = re.match(r"\s+([a-z]+)\b", m.string[m.end() :])
    if after is None or int(m[1]) < 2000:
        return False
    word = after[1]
    plural = (word.endswith("s") and len(word) > 4) or word in ("people", "men", "women")
    before = m.string[: m.start()].rstrip().lower().rpartition(" ")[2]
    return plural and before not in _BEFORE_YEAR


def _from_year(m: Match) -> str:
    """1990-2000 and 1914-18, but not 1200-10, which is no span of years."""
    first, last = m[1], m[2]
    if len(last) == 4:
        return f"{_year(int(first))} to {_year(int(last))}"
    if int(last) <= int(first[2:]):
        return m[0]
    return f"{_year(int(first))} to {_say(last.lstrip('0') or '0')}"


def _year(year: int) -> str:
    if 2000 <= year <= 2009 or year < 1000 or year > 2999 or year % 1000 == 0:
        return _say(str(year)).replace("thousand and", "thousand")
    if year % 100 == 0:
        return f"{_say(str(year // 100))} hundred"
    low = year % 100
    return f"{_say(str(year // 100))} {'oh ' if low < 10 else ''}{_say(str(low))}"


def _decade(m: Match) -> str:
    written = m[1]
    if int(written) % 10:
        return m[0]
    if len(written) == 4 and not 1100 <= int(written) <= 2099:
        return m[0]
    said = (
        _year(int(written))
        if len(written) == 4
        else _say(written)
        if written != "00"
        else "two thousand"
    )
    if written.endswith("00"):
        return said + "s"
    return (said[:-1] + "ies") if said.endswith("y") else said + "s"


def _ranges(text: str) -> str:
    return re.sub(
        rf"(?<![\w.,:/-])({_NUMBER})\s?[-–]\s?({_NUMBER})(?![\w/:]|[.,]\d|\s?-\s?\d)",
        lambda m: f"{_say(m[1])}{' ' if m[1] == m[2] else ' to '}{_say(m[2])}"
        if _from_to(m[1], m[2]) else m[0], text,
    )  # fmt: skip


def _from_to(low: str, high: str) -> bool:
    """Whether two numbers with a dash between are a range, or the score of a game."""
    a, b = float(low.replace(",", "")), float(high.replace(",", ""))
    return a < b or max(a, b) < 200


def _versions(text: str) -> str:
    """1.2.3, v2.0 and 192.168.0.1: numbers with "point" (or "dot") between."""
    text = re.sub(
        r"(?<![\w.,])\d{1,3}(?:\.\d{3}){2,}(?![\w]|\.\d)",
        lambda m: _say(m[0].replace(".", "")),
        text,
    )
    text = re.sub(
        r"(?<![\w.,])v(\d+(?:\.\d+)?)(?![\w]|\.\d)", lambda m: f"version {_say(m[1])}", text
    )
    return re.sub(
        r"(?<![\w.,])v?(\d+(?:\.\d+){2,})(?![\w]|\.\d)",
        lambda m: (("version " if m[0][0] == "v" else "")
                   + (" dot " if m[1].count(".") == 3 else " point ").join(
                       _say(n) for n in m[1].split("."))), text,
    )  # fmt: skip


def _plain_numbers(text: str) -> str:
    """Numbers with commas, points and signs; whole numbers stay, for voices know them."""
    text = re.sub(
        r"(?<![\w:.,])(\d{1,3}):(\d{1,3})(?![\w:])", lambda m: f"{_say(m[1])} to {_say(m[2])}", text
    )
    text = re.sub(r"(?<![\w.,])(\d+)x(?!\w)", lambda m: f"{_say(m[1])} times", text)
    text = re.sub(rf"(?<![\w.,])-({_NUMBER})(?![\w]|[.,]\d)", lambda m: f"minus {_say(m[1])}", text)
    text = re.sub(
        r"(?<![\w.,])(\d{1,3}(?:,\d{3})+)(\.\d+)?(?![\d]|,\d)", lambda m: _say(m[0]), text
    )
    text = re.sub(
        r"(?<![\w.,])(\d*\.\d+)(?![\w]|\.\d)",
        lambda m: _say("0" + m[1] if m[1][0] == "." else m[1]),
        text,
    )
    return re.sub(r"(?<![\w.])0\d+(?![\w.]|,\d)", lambda m: numerals.digits(m[0], "en"), text)


_NUMBER_RULES: tuple[Callable[[str], str], ...] = (
    _telephones, _dates, _versions, _times, _money, _percents, _units, _fractions, _ordinals,
    _years, _ranges, _plain_numbers,
)  # fmt: skip


def _romans(text: str) -> str:
    if not re.search(r"\b[IVXLC]+\b", text):
        return text
    text = re.sub(
        rf"\b((?:{_NAMED_ROMAN})s?)\s+({_ROMAN})\b(?!['’])",
        lambda m: f"{m[1]} {_say(str(_roman(m[2])))}" if _is_numeral(m) else m[0],
        text, flags=re.IGNORECASE,
    )  # fmt: skip
    text = re.sub(
        rf"\b({_RULERS})\s+({_ROMAN})\b(?!['’]\w)",
        lambda m: f"{m[1]} the {numerals.ordinal(_roman(m[2]), 'en')}" if _is_numeral(m) else m[0],
        text, flags=re.IGNORECASE,
    )  # fmt: skip
    text = re.sub(
        rf"\b({_ROMAN})(?:th|st|nd|rd)?(?=\s+centur(?:y|ies)\b)",
        lambda m: numerals.ordinal(_roman(m[1]), "en") if m[1] else m[0], text,
    )  # fmt: skip
    return re.sub(
        r"\b([A-Z][a-z]+) (II|III|IV|VI|VII|VIII|IX|XI|XII|XIII|XIV|XV|XVI)\b",
        lambda m: m[0] if m[1].lower() in _NOT_NAMES
        else f"{m[1]} the {numerals.ordinal(_roman(m[2]), 'en')}", text,
    )  # fmt: skip


def _is_numeral(m: Match) -> bool:
    """Whether the letters are a numeral: capitals, and "I" only where a sentence does not go on."""
    if not m[2] or not m[2].isupper():
        return False
    if m[2] != "I":
        return True
    rest = m.string[m.end() :]
    return not re.match(r"\s+[a-z]", rest) or m[1].lower().startswith(
        ("world war", "chapter", "act")
    )


def _roman(numeral: str) -> int:
    values = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
    total = 0
    for here, after in zip(numeral, [*numeral[1:], ""], strict=True):
        total += -values[here] if after and values[here] < values[after] else values[here]
    return total


def _abbreviations(text: str) -> str:
    if "." not in text:
        return text
    text = re.sub(r"\bSt\.\s+(?=[A-Z][a-z])(?!.{0,1}(?:\s|$))", "Saint ", text)
    text = re.sub(r"(?<=[a-z0-9]) St\.(?!\w)", _street, text)

    def told(m: Match) -> str:
        short = m[1]
        rest = m.string[m.end() :]
        if short in _ONLY_BEFORE_NUMBER and not re.match(r"\s*\d", rest):
            spelled = re.match(
                r"\s*(?:zero|one|two|three|four|five|six|seven|eight|nine|ten)\b", rest
            )
            if not spelled:
                return m[0]
        words = _ABBREVIATIONS[short]
        over = short in _SENTENCE_ENDERS and (
            not rest.strip() or re.match(r"\s+[A-Z\"']|\s*\n", rest)
        )
        return words + ("." if over else "")

    names = "|".join(sorted(_ABBREVIATIONS, key=len, reverse=True))
    return re.sub(rf"\b({names})\.(?![\w.])", told, text)


def _street(m: Match) -> str:
    rest = m.string[m.end() :]
    return " Street" + ("." if not rest.strip() or re.match(r"\s+[A-Z]", rest) else "")
