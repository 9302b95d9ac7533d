"""Other languages than English: money, times, dates, ordinals, percent, units, decimals.

Names of currencies, months and units are those of the Unicode CLDR (babel), numbers are num2words'.
Cases and genders that only grammar could tell are left as these libraries give them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from vivavoce.speak.normalise import addresses, numerals

if TYPE_CHECKING:
    from babel import Locale  # imported where it is used: who trains on phones does not need it

_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₽": "RUB", "₩": "KRW",
          "₺": "TRY", "₴": "UAH", "zł": "PLN", "kr": "SEK", "R$": "BRL", "Kč": "CZK",
          "Fr.": "CHF", "CHF": "CHF", "EUR": "EUR", "USD": "USD", "GBP": "GBP"}  # fmt: skip
_UNITS = {
    "km": "length-kilometer", "m": "length-meter", "cm": "length-centimeter",
    "mm": "length-millimeter", "kg": "mass-kilogram", "g": "mass-gram", "mg": "mass-milligram",
    "l": "volume-liter", "L": "volume-liter", "ml": "volume-milliliter",
    "°C": "temperature-celsius",
    "°F": "temperature-fahrenheit", "km/h": "speed-kilometer-per-hour",
    "m/s": "speed-meter-per-second",
    "min": "duration-minute", "h": "duration-hour", "s": "duration-second",
    "MB": "digital-megabyte", "GB": "digital-gigabyte", "TB": "digital-terabyte",
    "kW": "power-kilowatt", "W": "power-watt", "kWh": "energy-kilowatt-hour", "V": "electric-volt",
    "Hz": "frequency-hertz", "MHz": "frequency-megahertz", "GHz": "frequency-gigahertz",
    "ha": "area-hectare", "t": "mass-tonne", "km²": "area-square-kilometer",
    "m²": "area-square-meter", "км": "length-kilometer", "м": "length-meter",
    "см": "length-centimeter", "мм": "length-millimeter", "кг": "mass-kilogram", "г": "mass-gram",
    "л": "volume-liter", "ч": "duration-hour", "мин": "duration-minute",
    "км/ч": "speed-kilometer-per-hour",
}  # fmt: skip
_PERCENT = {"de": "Prozent", "fr": "pour cent", "es": "por ciento", "it": "per cento",
            "pt": "por cento", "nl": "procent", "pl": "procent", "ru": "процентов",
            "sv": "procent", "da": "procent", "no": "prosent", "cs": "procent", "tr": "yüzde",
            "uk": "відсотків", "fi": "prosenttia", "hu": "százalék", "ro": "la sută"}  # fmt: skip
_CLOCK = {"de": "Uhr", "fr": "heures", "nl": "uur"}
_AND = {"de": "und", "fr": "et", "es": "y", "it": "e", "pt": "e", "nl": "en", "pl": "i", "ru": "и"}
_TO = {"de": "bis", "fr": "à", "es": "a", "it": "a", "pt": "a", "nl": "tot", "pl": "do", "ru": "до"}
_PER_HUNDRED = {"EUR": {"de": "Cent", "fr": "centimes", "es": "céntimos", "it": "centesimi",
                        "pt": "cêntimos", "nl": "cent", "pl": "centów", "ru": "центов"},
                "USD": {"de": "Cent", "fr": "cents", "es": "centavos", "it": "centesimi",
                        "pt": "centavos", "nl": "cent", "pl": "centów",
                        "ru": "центов"}}  # fmt: skip
_ABBREVIATIONS = {
    "de": {"z. B.": "zum Beispiel", "z.B.": "zum Beispiel", "d. h.": "das heißt",
    "d.h.": "das heißt",
           "usw.": "und so weiter", "bzw.": "beziehungsweise", "ca.": "circa", "Nr.": "Nummer",
           "Dr.": "Doktor", "Prof.": "Professor", "Str.": "Straße", "u. a.": "unter anderem",
           "u.a.": "unter anderem", "evtl.": "eventuell", "inkl.": "inklusive", "St.": "Sankt"},
    "fr": {"M.": "Monsieur", "Mme": "Madame", "Mlle": "Mademoiselle", "Dr": "Docteur",
           "etc.": "et cetera", "p. ex.": "par exemple", "n°": "numéro", "N°": "numéro",
           "av.": "avenue", "bd": "boulevard"},
    "es": {"Sr.": "señor", "Sra.": "señora", "Srta.": "señorita", "Dr.": "doctor",
    "Dra.": "doctora",
           "etc.": "etcétera", "p. ej.": "por ejemplo", "núm.": "número", "Ud.": "usted",
           "Uds.": "ustedes", "EE. UU.": "Estados Unidos", "EE.UU.": "Estados Unidos"},
    "it": {"Sig.": "signor", "Sig.ra": "signora", "Dott.": "dottor", "ecc.": "eccetera",
           "es.": "esempio", "n.": "numero"},
    "pt": {"Sr.": "senhor", "Sra.": "senhora", "Dr.": "doutor", "Dra.": "doutora",
    "etc.": "etcétera",
           "p. ex.": "por exemplo", "n.º": "número"},
    "nl": {"dhr.": "de heer", "mevr.": "mevrouw", "bijv.": "bijvoorbeeld", "enz.": "enzovoort",
           "nr.": "nummer", "ca.": "circa", "d.w.z.": "dat wil zeggen"},
    "pl": {"np.": "na przykład", "itd.": "i tak dalej", "itp.": "i tym podobne", "dr": "doktor",
           "nr": "numer", "ul.": "ulica", "ok.": "około", "tzn.": "to znaczy"},
    "ru": {"т. е.": "то есть", "т.е.": "то есть", "и т. д.": "и так далее", "и т.д.": "и так далее",
           "и т.п.": "и тому подобное", "напр.": "например", "ул.": "улица", "г.": "год",
           "руб.": "рублей", "тыс.": "тысяч", "млн": "миллионов"},
}  # fmt: skip
_SCALES = {
    "Mio": "Millionen", "Mrd": "Milliarden", "Millionen": "Millionen", "Milliarden": "Milliarden",
    "millions": "millions", "milliards": "milliards", "millones": "millones", "milioni": "milioni",
    "miliardi": "miliardi", "milhões": "milhões", "miljoen": "miljoen", "miljard": "miljard",
    "mln": "milionów", "mld": "miliardów", "млн": "миллионов", "млрд": "миллиардов",
}  # fmt: skip
"""Words that multiply an amount of money, and how they are said."""
_NUMBER_SIGN = {"de": "Nummer", "fr": "numéro", "es": "número", "it": "numero", "pt": "número",
                "nl": "nummer", "pl": "numer", "ru": "номер", "uk": "номер"}  # fmt: skip
_POINT_GROUPS = ("de", "es", "it", "pt", "nl", "da", "tr", "id", "el", "ro", "hr", "sl")
"""Languages that write 1.000 for a thousand; most others but English leave a space."""


def written_out(text: str, language: str) -> str:
    """`text` of a language other than English with numbers, signs and abbreviations in words."""
    text = re.sub(r"№\s*", _NUMBER_SIGN.get(language, "No.") + " ", text)
    for short, words in _ABBREVIATIONS.get(language, {}).items():
        if short in text:
            text = re.sub(rf"(?<![\w.]){re.escape(short)}(?!\w)", words, text)
    if not numerals.knows(language):
        return addresses.spoken(text, language, str)

    def digit(d: str) -> str:
        return numerals.digit(d, language)

    text = addresses.spoken(text, language, digit)
    if any(c.isdigit() for c in text):
        text = addresses.telephone(text, language, digit)
        for rule in (_dates, _times, _money, _percents, _units, _ordinals, _numbers):
            text = rule(text, language)
    if "%" in text:
        text = text.replace("%", f" {_PERCENT.get(language, '%')} ")
    if language in _AND:
        text = re.sub(r"(?<=\w)\s*&\s*(?=\w)", f" {_AND[language]} ", text)
    return re.sub(r"[ \t]{2,}", " ", text)


@lru_cache
def _locale(language: str) -> Locale | None:
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return None


def _number_pattern(language: str) -> str:
    group = r"[.\s]" if language in _POINT_GROUPS else r"\s"
    return rf"\d{{1,3}}(?:{group}\d{{3}})+(?:,\d+)?|\d+(?:,\d+)?"


def _plain(number: str, language: str) -> str:
    """A number as people write it → with a decimal point and without groups."""
    number = re.sub(r"\s", "", number)
    if language in _POINT_GROUPS:
        number = number.replace(".", "")
    return number.replace(",", ".")


def _say(number: str, language: str) -> str:
    return numerals.cardinal(_plain(number, language), language)


def _month(number: int, language: str) -> str:
    locale = _locale(language)
    return str(locale.months["format"]["wide"][number]) if locale else str(number)


def _dates(text: str, language: str) -> str:
    def told(day: int, month: int, year: str, written: str) -> str:
        if not (1 <= day <= 31 and 1 <= month <= 12):
            return written
        return (
            f"{_day(day, language)} {_month(month, language)} {numerals.year(int(year), language)}"
        )

    text = re.sub(
        r"(?<![\w/-])(\d{4})-(\d{1,2})-(\d{1,2})(?![\w/-])",
        lambda m: told(int(m[3]), int(m[2]), m[1], m[0]), text,
    )  # fmt: skip
    text = re.sub(
        r"(?<![\w/.])(\d{1,2})[./](\d{1,2})[./](\d{4})(?![\w/])",
        lambda m: told(int(m[1]), int(m[2]), m[3], m[0]), text,
    )  # fmt: skip
    locale = _locale(language)
    if locale is None:
        return text
    if language == "de":
        text = re.sub(
            r"\b(am|dem|den|vom|zum|beim|bis)\s(\d{1,2})\.(?=\s[A-ZÄÖÜ])",
            lambda m: f"{m[1]} {numerals.ordinal(int(m[2]), 'de')}n", text,
        )  # fmt: skip
    months = "|".join(re.escape(str(n)) for n in locale.months["format"]["wide"].values())
    return re.sub(
        rf"(?<![\w.,])(\d{{1,2}})\.?(\s+(?:de\s+)?)({months})\b((?:\s+(?:de\s+)?)(\d{{4}})\b)?",
        lambda m: f"{_day(int(m[1]), language)}{m[2]}{m[3]}"
        + (m[4].replace(m[5], numerals.year(int(m[5]), language)) if m[5] else ""), text,
        flags=re.IGNORECASE,
    )  # fmt: skip


def _day(day: int, language: str) -> str:
    if language in ("de", "da", "sv", "no", "pl", "ru", "cs"):
        return numerals.ordinal(day, language)
    if day == 1 and language in ("fr", "it", "pt"):
        return numerals.ordinal(1, language)
    return numerals.cardinal(str(day), language)


def _times(text: str, language: str) -> str:
    def told(m: re.Match[str]) -> str:
        hour, minute = numerals.cardinal(str(int(m[1])), language), int(m[2])
        clock = _CLOCK.get(language, "")
        said = f"{hour} {clock}".strip()
        return f"{said} {numerals.cardinal(str(minute), language)}" if minute else said

    after = r"(?:\s*(?:Uhr|uur|h)\b)?"
    return re.sub(rf"(?<![\w:.,])([01]?\d|2[0-4])[:h]([0-5]\d){after}(?![\w:])", told, text)


def _money(text: str, language: str) -> str:
    locale = _locale(language)
    if locale is None:
        return text
    from babel.numbers import get_currency_name

    signs = "|".join(re.escape(s) for s in sorted(_SIGNS, key=len, reverse=True))
    number = _number_pattern(language)

    def told(amount: str, sign: str) -> str:
        code = _SIGNS[sign]
        plain = _plain(amount, language)
        whole, _, part = plain.partition(".")
        name = get_currency_name(code, count=_count(whole), locale=locale)
        said = f"{numerals.cardinal(whole, language)} {name}"
        cents = int((part + "0")[:2]) if part else 0
        if not cents:
            return said
        small = _PER_HUNDRED.get(code, {}).get(language, "")
        return f"{said} {numerals.cardinal(str(cents), language)} {small}".strip()

    scales = "|".join(_SCALES)

    def in_all(amount: str, scale: str, sign: str) -> str:
        many = get_currency_name(_SIGNS[sign], count=5, locale=locale)
        return f"{_say(amount, language)} {_SCALES[scale]} {many}"

    text = re.sub(
        rf"(?<!\w)({signs})\s?({number})\s({scales})\b\.?",
        lambda m: in_all(m[2], m[3], m[1]), text,
    )  # fmt: skip
    text = re.sub(
        rf"(?<![\w.,])({number})\s({scales})\b\.?\s?({signs})(?!\w)",
        lambda m: in_all(m[1], m[2], m[3]), text,
    )  # fmt: skip
    text = re.sub(rf"(?<!\w)({signs})\s?({number})(?![\w])", lambda m: told(m[2], m[1]), text)
    return re.sub(rf"(?<![\w.,])({number})\s?({signs})(?!\w)", lambda m: told(m[1], m[2]), text)


def _count(whole: str) -> int:
    return int(whole) if len(whole) < 15 else 5


def _percents(text: str, language: str) -> str:
    word = _PERCENT.get(language)
    if word is None:
        return text
    number = _number_pattern(language)
    return re.sub(rf"(?<![\w.,])({number})\s?%", lambda m: f"{_say(m[1], language)} {word}", text)


def _units(text: str, language: str) -> str:
    locale = _locale(language)
    if locale is None:
        return text
    text = text.replace("^2", "²")
    units = "|".join(re.escape(u) for u in sorted(_UNITS, key=len, reverse=True))

    def told(m: re.Match[str]) -> str:
        form: Any = _unit_name(_UNITS[m[3]], _plain(m[2], language), language)
        return f"{_sign(m[1], language)}{_say(m[2], language)} {form or m[3]}"

    return re.sub(
        rf"(?<![\w.,])(-)?({_number_pattern(language)})\s?({units})(?![\w/²])", told, text
    )


def _sign(sign: str | None, language: str) -> str:
    return numerals.cardinal("-1", language).split()[0] + " " if sign else ""


def _unit_name(unit: str, number: str, language: str) -> str | None:
    """The unit's name in the form that goes with the number."""
    locale = _locale(language)
    assert locale is not None
    forms = locale._data["unit_patterns"].get(unit, {}).get("long", {})
    pattern = forms.get(locale.plural_form(float(number))) or forms.get("other")
    if pattern:
        return str(pattern).replace("{0}", "").strip()
    from babel.units import get_unit_name

    return get_unit_name(unit, locale=locale)


def _ordinals(text: str, language: str) -> str:
    if language == "de":
        return re.sub(
            r"\b(der|die|das|den|dem|des|am|im|vom|zum|beim|zur)\s(\d{1,3})\.(?=\s[A-ZÄÖÜ])",
            lambda m: f"{m[1]} {numerals.ordinal(int(m[2]), 'de')}"
            + ("" if m[1] in ("der", "die", "das") else "n"), text,
        )  # fmt: skip
    marks = {"fr": r"(?:er|re|ère|e|ème)", "es": "[ºª]", "it": "[ºª°]", "pt": "[ºª]",
             "nl": "(?:e|de|ste)"}.get(language)  # fmt: skip
    if marks is None:
        return text
    return re.sub(
        rf"(?<![\w.,])(\d{{1,4}}){marks}(?!\w)",
        lambda m: numerals.ordinal(int(m[1]), language),
        text,
    )


def _numbers(text: str, language: str) -> str:
    """Decimals and grouped and negative numbers; whole numbers stay, for voices know them."""
    if language in _TO:
        text = re.sub(
            r"(?<![\w.,:/-])(\d+)\s?[-–]\s?(\d+)(?![\w/:]|[.,]\d|-\d)",
            lambda m: f"{_say(m[1], language)} {_TO[language]} {_say(m[2], language)}"
            if int(m[1]) < int(m[2]) else m[0], text,
        )  # fmt: skip
    group = r"[.\s]" if language in _POINT_GROUPS else r"\s"
    pattern = rf"(?<![\w.,])-?(?:\d{{1,3}}(?:{group}\d{{3}})+(?:,\d+)?|\d+,\d+)(?![\w]|[.,]\d)"
    return re.sub(pattern, lambda m: _say(m[0], language), text)
