"""Text as people write it, and how it is read: each rule is a row of a table."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from vivavoce.data.corpus.sentences import SENTENCES
from vivavoce.errors import RequestError, VoiceWarning
from vivavoce.speak import espeak
from vivavoce.speak.normalise import as_spoken, pieces, readable
from vivavoce.speak.normalise.detect import CYRILLIC, LATIN, language_of
from vivavoce.speak.normalise.markup import spans, without_markdown
from vivavoce.speak.normalise.scripts import LANGUAGE_OF, runs, scripts_of
from vivavoce.speak.text import read_text_file, split_text
from vivavoce.speak.voices import AutoVoice, auto_voice, find_voice
from vivavoce.types import Emotion, Speech

CALM = Emotion.parse("neutral")
# fmt: off
# ruff: noqa: E501
ENGLISH = {
    '$500': 'five hundred dollars',
    '$3.50': 'three dollars and fifty cents',
    '$1.2 million': 'one point two million dollars',
    '$5k': 'five thousand dollars',
    '€20': 'twenty euros',
    '20 €': 'twenty euros',
    '£1': 'one pound',
    '-$5': 'minus five dollars',
    '$0.99': 'ninety-nine cents',
    '8:00': "eight o'clock",
    '8:05 am': 'eight oh five a m',
    'at 17:30.': 'at seventeen thirty.',
    '9 a.m. sharp': 'nine a m sharp',
    'It is 9 p.m. Go.': 'It is nine p m Go.',
    '2024-03-05': 'March fifth, twenty twenty-four',
    '5 March 2024': 'the fifth of March, twenty twenty-four',
    'March 5, 2024': 'March fifth, twenty twenty-four',
    '03/05/2024': 'March fifth, twenty twenty-four',
    '31/12/1999': 'December thirty-first, nineteen ninety-nine',
    'May 5': 'May fifth',
    'in 1999': 'in nineteen ninety-nine',
    '2007': 'two thousand seven',
    '2024': 'twenty twenty-four',
    'the 1990s': 'the nineteen nineties',
    "the '90s": 'the nineties',
    '1st': 'first',
    '22nd': 'twenty-second',
    '1/2': 'one half',
    '3 1/2 cups': 'three and a half cups',
    '½ cup': 'one half cup',
    '2½ hours': 'two and a half hours',
    '5 km': 'five kilometers',
    '20 °C': 'twenty degrees Celsius',
    '-5 °C': 'minus five degrees Celsius',
    '72°F': 'seventy-two degrees Fahrenheit',
    '60 mph': 'sixty miles per hour',
    '100 km/h': 'one hundred kilometers per hour',
    '5 m²': 'five square meters',
    '9.81 m/s^2': 'nine point eight one meters per second squared',
    'World War II': 'World War two',
    'Henry VIII': 'Henry the eighth',
    'Chapter IV': 'Chapter four',
    'I am a mix DIY': 'I am a mix DIY',
    'Louis XIV of France': 'Louis the fourteenth of France',
    'Dr. Smith': 'Doctor Smith',
    'St. John St.': 'Saint John Street.',
    'e.g. this': 'for example this',
    'No. 5': 'Number 5',
    "No. I won't.": "No. I won't.",
    '555-1234': 'five five five, one two three four',
    '+44 20 7946 0958': 'plus four four, two zero, seven nine four six, zero nine five eight',
    '(555) 123-4567': 'five five five, one two three, four five six seven',
    'me@example.com': 'me at example dot com',
    'https://example.com/a': 'example dot com slash a',
    'see example.org.': 'see example dot org.',
    '50%': 'fifty percent',
    '#happy': 'hashtag happy',
    '#GoodMorning': 'hashtag Good Morning',
    'C++': 'C plus plus',
    'R&B': 'R and B',
    '1,000,000': 'one million',
    '3.14': 'three point one four',
    '1990-2000': 'nineteen ninety to two thousand',
    '10-12 people': 'ten to twelve people',
    '@anna': 'at anna',
    '**bold** and *it*': 'bold and it',
    '_x_ y': 'x y',
    'snake_case': 'snake case',
    '[link](https://x.y)': 'link',
    '`code`': 'code',
    '# Heading': 'Heading',
    '- list': 'list',
    '<b>x</b>': 'x',
    '&amp;': '&',
    'Ａｂｃ': 'Abc',
    '𝐇𝐞𝐥𝐥𝐨': 'Hello',
    'Hello 😀': 'Hello',
    'I ❤ NY': 'I NY',
    'Café naïve': 'Café naïve',
    'ﬁre': 'fire',
    '½': 'one half',
    'x²': 'x squared',
    '№ 5': 'Number 5',
    'Foo™': 'Foo',
    'Room 101': 'Room 101',
    '5\'11"': 'five feet eleven inches',
    '10x': 'ten times',
    '3x4': '3 by 4',
    '1.2.3': 'one point two point three',
    '192.168.0.1': 'one hundred and ninety-two dot one hundred and sixty-eight dot zero dot one',
    '007': 'zero zero seven',
    '$10-20': 'ten to twenty dollars',
    '$10-$20': 'ten to twenty dollars',
    '5-10%': 'five to ten percent',
    'the score was 3-2': 'the score was three to two',
    'a 5-km run': 'a five kilometer run',
    '16GB RAM': 'sixteen gigabytes RAM',
    '10 MB/s': 'ten megabytes per second',
    '5 in the box': '5 in the box',
    '10 in': '10 in',
    '2 + 2 = 4': '2 plus 2 equals 4',
    'A/B test': 'A B test',
    'and/or': 'and or',
    '24/7': 'twenty-four seven',
    '1,234.56': 'one thousand two hundred and thirty-four point five six',
    '.5': 'zero point five',
    'Mr. and Mrs. Smith vs. Dr. Jones etc.': 'Mister and Missus Smith versus Doctor Jones et cetera.',
    'Jan. 5': 'January fifth',
    'Tues. at 5': 'Tuesday at 5',
    'Elizabeth II was': 'Elizabeth the second was',
    'Part I': 'Part one',
    '5th Ave.': 'fifth Avenue.',
    'α and β': 'alpha and beta',
    '10^6': '10 to the power of 6',
    '~5': 'about 5',
    '>5': 'greater than 5',
    '5 > 3': '5 is greater than 3',
    'US$20': 'twenty US dollars',
    '20 USD': 'twenty US dollars',
    '100 BC': 'one hundred B C',
    'AD 79': 'A D seventy-nine',
    '12:00': "twelve o'clock",
    '0:30': 'zero thirty',
    '2:1': 'two to one',
    'won 2:1': 'won two to one',
    'call 911': 'call 911',
    '12.5.2024': 'May twelfth, twenty twenty-four',
    '6ft 2in': 'six feet two inches',
    'Apollo XI': 'Apollo eleven',
    '123456789012345678901234567890': '123456789012345678901234567890',
    '1/3': 'one third',
    '2/3': 'two thirds',
    '3/4': 'three quarters',
    '9/11': 'nine eleven',
    '7/8': 'seven eighths',
    '1/100': 'one one hundredth',
    'room 3/4B': 'room 3/4B',
    'x = 5': 'x equals 5',
    '5 lbs': 'five pounds',
    '1 lb': 'one pound',
    '0.5 kg': 'zero point five kilograms',
    '1 kg': 'one kilogram',
    'Windows 11': 'Windows 11',
    'iPhone 15': 'iPhone 15',
    'B2B': 'B2B',
    'MP3': 'MP3',
    'F-16': 'F-16',
    'COVID-19': 'COVID-19',
    'Boeing 747': 'Boeing 747',
    'the 2020s': 'the twenty twenties',
    '1900': 'nineteen hundred',
    '2000': 'two thousand',
    '1500 people': 'fifteen hundred people',
    '4,5': '4,5',
    '(2)': '(2)',
    '2.': '2.',
    '10:30-11:00': "ten thirty to eleven o'clock",
    'Q1 2024': 'Q1 twenty twenty-four',
    '3rd-party': 'third-party',
    'Mt. Everest': 'Mount Everest',
    '5 a.m. to 6 p.m.': 'five a m to six p m',
    'Fig. 3': 'Figure 3',
    'pp. 5-7': 'pages five to seven',
    '100%': 'one hundred percent',
    '0.5%': 'zero point five percent',
    '±5': 'plus or minus 5',
    '$1,234.56': 'one thousand two hundred and thirty-four dollars and fifty-six cents',
    '€1.50': 'one euro and fifty cents',
    '¥500': 'five hundred yen',
    '50¢': 'fifty cents',
    '5p': '5p',
    '£5.99': 'five pounds and ninety-nine pence',
    '5 min': 'five minutes',
    '10 s': 'ten seconds',
    '1 h 30 min': 'one hour thirty minutes',
    '2m tall': 'two meters tall',
    "I'm 5": "I'm 5",
    '"He said \'hi\'"': '"He said \'hi\'"',
    'x_1': 'x 1',
    'a*b': 'a*b',
    '2*3': '2 times 3',
    'file.txt': 'file dot txt',
    'www.site.co.uk/page?x=1': 'site dot co dot uk slash page',
    'v2.0': 'version two point zero',
    '2nd': 'second',
    '21st century': 'twenty-first century',
    'XXI century': 'twenty-first century',
    'XIX': 'XIX',
    'IV drip': 'IV drip',
    'Rocky IV': 'Rocky four',
    'King George VI': 'King George the sixth',
    'and I': 'and I',
    'World War I': 'World War one',
    'James I': 'James the first',
    'Act II, Scene III': 'Act two, Scene three',
    '1.000.000': 'one million',
    '1h 30m': 'one hour thirty minutes',
    '2024 people': 'two thousand and twenty-four people',
    'in 2024 sales rose': 'in twenty twenty-four sales rose',
    '9.30 p.m. today': 'nine thirty p m today',
    'http://localhost:8080/x?y=1': 'localhost colon eight zero eight zero slash x',
    '1-800-555-0199': 'one, eight zero zero, five five five, zero one nine nine',
    '$10–$20': 'ten to twenty dollars',
    '10:30–11:00': "ten thirty to eleven o'clock",
    'CA$40': 'forty Canadian dollars',
    'p. 5': 'page 5',
    '3 × 4': '3 times 4',
    'km/h': 'kilometers per hour',
    '/usr/bin': 'slash usr bin',
    '50-50': 'fifty fifty',
    '㎞': 'km',
    'Henry Ⅷ': 'Henry the eighth',
}
"""English as it is written → as it is read."""
OTHERS = {
    ('de', '$500'): 'fünfhundert US-Dollar',
    ('de', '3,50 €'): 'drei Euro fünfzig Cent',
    ('de', '20 €'): 'zwanzig Euro',
    ('de', '8:00 Uhr'): 'acht Uhr',
    ('de', '17:30'): 'siebzehn Uhr dreißig',
    ('de', '5. März 2024'): 'fünfte März zweitausendvierundzwanzig',
    ('de', '05.03.2024'): 'fünfte März zweitausendvierundzwanzig',
    ('de', '1.000.000'): 'eine Million',
    ('de', '3,14'): 'drei Komma eins vier',
    ('de', '50 %'): 'fünfzig Prozent',
    ('de', '20 °C'): 'zwanzig Grad Celsius',
    ('de', '5 km'): 'fünf Kilometer',
    ('de', '100 km/h'): 'einhundert Kilometer pro Stunde',
    ('de', 'z. B. so'): 'zum Beispiel so',
    ('de', 'Nr. 5'): 'Nummer 5',
    ('de', '10-12'): 'zehn bis zwölf',
    ('de', 'me@x.de'): 'me ät x Punkt de',
    ('de', '-5 °C'): 'minus fünf Grad Celsius',
    ('de', 'Müller & Co'): 'Müller und Co',
    ('de', '1999'): '1999',
    ('fr', '3,50 €'): 'trois euros cinquante centimes',
    ('fr', '8h30'): 'huit heures trente',
    ('fr', '17:30'): 'dix-sept heures trente',
    ('fr', '5 mars 2024'): 'cinq mars deux mille vingt-quatre',
    ('fr', '1er mai'): 'premier mai',
    ('fr', '2e'): 'deuxième',
    ('fr', '50 %'): 'cinquante pour cent',
    ('fr', '1 000 000'): 'un million',
    ('fr', '20 °C'): 'vingt degrés Celsius',
    ('fr', '5 km'): 'cinq kilomètres',
    ('fr', 'M. Dupont'): 'Monsieur Dupont',
    ('fr', '10-12'): 'dix à douze',
    ('es', '3,50 €'): 'tres euros cincuenta céntimos',
    ('es', '$500'): 'quinientos dólares estadounidenses',
    ('es', '17:30'): 'diecisiete treinta',
    ('es', '5 de marzo de 2024'): 'cinco de marzo de dos mil veinticuatro',
    ('es', '1.º'): '1.º',
    ('es', '3º'): 'tercero',
    ('es', '50%'): 'cincuenta por ciento',
    ('es', '20 °C'): 'veinte grados Celsius',
    ('es', 'Sr. Pérez'): 'señor Pérez',
    ('es', '1.000'): 'mil',
    ('it', '3,50 €'): 'tre euro cinquanta centesimi',
    ('it', '17:30'): 'diciassette trenta',
    ('it', '5 marzo 2024'): 'cinque marzo duemilaventiquattro',
    ('it', '50%'): 'cinquanta per cento',
    ('it', '20 °C'): 'venti gradi Celsius',
    ('it', 'Sig. Rossi'): 'signor Rossi',
    ('pt', 'R$ 3,50'): 'três Reais brasileiros cinquenta',
    ('pt', '17:30'): 'dezassete trinta',
    ('pt', '5 de março de 2024'): 'cinco de março de dois mil e vinte e quatro',
    ('pt', '50%'): 'cinquenta por cento',
    ('nl', '€ 3,50'): 'drie euro vijftig cent',
    ('nl', '17:30 uur'): 'zeventien uur dertig',
    ('nl', '5 maart 2024'): 'vijf maart tweeduizendvierentwintig',
    ('nl', '50%'): 'vijftig procent',
    ('nl', '20 °C'): 'twintig graden Celsius',
    ('pl', '3,50 zł'): 'trzy złote polskie pięćdziesiąt',
    ('pl', '17:30'): 'siedemnaście trzydzieści',
    ('pl', '5 marca 2024'): 'piąty marca dwa tysiące dwadzieścia cztery',
    ('pl', '50%'): 'pięćdziesiąt procent',
    ('pl', '5 km'): 'pięć kilometrów',
    ('ru', '500 ₽'): 'пятьсот российских рублей',
    ('ru', '3,50 €'): 'три евро пятьдесят центов',
    ('ru', '17:30'): 'семнадцать тридцать',
    ('ru', '5 марта 2024'): 'пятый марта две тысячи двадцать четыре',
    ('ru', '50%'): 'пятьдесят процентов',
    ('ru', '20 °C'): 'двадцать градусов Цельсия',
    ('ru', '5 км'): 'пять километров',
    ('ru', 'и т. д.'): 'и так далее',
    ('de', 'am 5. März'): 'am fünften März',
    ('de', 'der 3. Mann'): 'der dritte Mann',
    ('de', '$1,2 Mio.'): 'eins Komma zwei Millionen US-Dollar',
    ('de', '1,2 Mrd. €'): 'eins Komma zwei Milliarden Euro',
    ('ru', '№ 5'): 'номер 5',
    ('fr', '1,2 millions €'): 'un virgule deux millions euros',
}
"""(language, text) → as it is read."""
# fmt: on


def read(text: str, language: str = "en-us") -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VoiceWarning)
        told = readable(text, language, "x")
    said = " ".join(span.text for span in as_spoken(told, language))
    return " ".join(said.split())


def said(voice: str, text: str) -> list[Speech]:
    return list(find_voice(voice).speak(text, CALM))


@pytest.mark.parametrize(("text", "expected"), [*ENGLISH.items()])
def test_english_is_read_as_people_read_it(text: str, expected: str) -> None:
    assert read(text) == " ".join(expected.split())


@pytest.mark.parametrize(("language", "text", "expected"), [(*k, v) for k, v in OTHERS.items()])
def test_other_languages(language: str, text: str, expected: str) -> None:
    assert read(text, language) == expected


PLAIN = (
    "Good morning, everyone! How are you - or shouldn't I ask?",
    "I am, in part, a mix of all I have met; may I march on? He won't.",
    'Room 12 is free. A man (tall, thin) said: "Go."',
    "Grüße aus Köln, mein Lieber; café naïve, façade.",
)


@pytest.mark.parametrize("text", PLAIN)
def test_a_text_with_nothing_special_is_left_alone(text: str) -> None:
    assert [s.text for s in as_spoken(text, "en")] == [text]
    assert list(pieces(text, "en")) == list(split_text(text))


def test_plain_text_gives_the_samples_that_espeak_gives_for_it() -> None:
    text = "The harbour lies quiet at this hour"
    sound, _, rate = espeak.synthesize(text, "gmw/en-US", espeak.Prosody())
    (piece,) = said("en-us", text)
    assert piece.seconds == pytest.approx(len(sound) / rate + 0.3, abs=0.01)


@pytest.mark.parametrize("sign", ["$500", "8:00", "50%", "20 °C", "1/2", "me@example.com", "3.14"])
def test_no_sign_and_no_digit_is_left(sign: str) -> None:
    left = read(f"It is {sign}, he said.")
    assert all(c.isalpha() or c in " ,.'-" for c in left)


def test_marks_of_markdown_and_html_are_not_read() -> None:
    text = "# Title\n\n- **one** and _two_\n- [three](http://x.y/z)\n\n> `four`\n\n---\n"
    assert without_markdown(text).split() == ["Title", "one", "and", "two", "three", "four"]
    html = "<h1>Title</h1><p>One &amp; two<br>three<script>x = 1 < 2</script></p><!-- no -->"
    assert read(html) == "Title One and two three"
    assert read("2 < 3 and a * b * c") == "2 is less than 3 and a * b * c"


def test_what_ssml_asks_for_is_done() -> None:
    text = (
        "<speak><p>One.</p> Two <break time='700ms'/> three "
        "<prosody rate='slow' pitch='+2st' volume='loud'>four</prosody> "
        "<say-as interpret-as='characters'>ab1</say-as> "
        "<sub alias='World Wide Web'>WWW</sub> <emphasis level='strong'>now</emphasis></speak>"
    )
    found = list(pieces(readable(text, "en", "x"), "en"))
    assert [p.text for p in found] == [
        "One.", "Two", "three", "four", "A B one", "World Wide Web", "now",
    ]  # fmt: skip
    assert [p.pause_s for p in found] == [0.5, 0.7, 0, 0, 0, 0, 0.3]
    slow, strong = found[3], found[6]
    assert (slow.rate, slow.volume) == (0.8, 1.25)
    assert slow.pitch == pytest.approx(2 ** (2 / 12))
    assert strong.rate < 1 < strong.volume


@pytest.mark.parametrize(
    ("rate", "factor"),
    [("slow", 0.8), ("120%", 1.2), ("+10%", 1.1), ("-10%", 0.9), ("1.5", 1.5), ("nonsense", 1.0),
     ("900%", 2.0)],
)  # fmt: skip
def test_rates_of_ssml(rate: str, factor: float) -> None:
    (span,) = spans(f"<prosody rate='{rate}'>word</prosody>")
    assert span.rate == pytest.approx(factor)


def test_marks_change_what_is_heard() -> None:
    plain, slow = (
        said("en-us", t)
        for t in ("a quiet harbour", "<prosody rate='50%'>a quiet harbour</prosody>")
    )
    assert sum(p.seconds for p in slow) > 1.4 * sum(p.seconds for p in plain)
    soft = said("en-us", "<prosody volume='x-soft'>a quiet harbour</prosody>")
    assert np.abs(soft[0].samples).max() < 0.6 * np.abs(plain[0].samples).max()
    paused = said("en-us", "one <break time='2s'/> two")
    assert sum(p.seconds for p in paused) > 2.5


def test_marks_that_do_not_match_lose_no_words() -> None:
    text = "</prosody>one <prosody rate='slow'>two <emphasis>three</prosody> four <break/>"
    assert " ".join(span.text for span in spans(text)).split() == ["one", "two", "three", "four"]


def test_emoji_are_left_out_and_that_is_said() -> None:
    with pytest.warns(VoiceWarning, match="Emoji and drawn signs are not spoken: 2"):
        assert readable("Hello 👋 world 🎉", "en", "x").split() == ["Hello", "world"]
    with pytest.raises(RequestError, match="nothing to say"):
        readable("😀😀", "en", "x")


@pytest.mark.parametrize(
    ("voice", "text", "words"),
    [
        ("en-us", "你好世界", "Chinese characters (你好世界). Choose a voice that reads them, such as "
         "--voice cmn"),
        ("hibari", "Say Привет", "Cyrillic letters (Привет)"),
        ("de", "שלום", "Hebrew letters"),
        ("ja", "今日は良い天気です", "kanji (今日)"),
        ("ru", "नमस्ते", "such as --voice hi"),
    ],
)  # fmt: skip
def test_letters_that_a_voice_cannot_read_are_refused(voice: str, text: str, words: str) -> None:
    with pytest.raises(RequestError) as refused:
        find_voice(voice).speak(text, CALM)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("voice", "text"),
    [("cmn", "你好 hello"), ("ja", "こんにちは"), ("ru", "Привет"), ("el", "Γειά"), ("ar", "مرحبا"),
     ("hi", "नमस्ते"), ("ko", "안녕"), ("en-us", "the α particle"), ("en-us", "١٢٣")],
)  # fmt: skip
def test_letters_that_a_voice_reads_are_spoken(voice: str, text: str) -> None:
    assert sum(p.seconds for p in said(voice, text)) > 0.4


def test_every_voice_of_espeak_reads_latin_letters_and_its_own() -> None:
    for entry in espeak.entries():
        if not entry.is_variant:
            assert "Latin" in scripts_of(entry.name)
    assert scripts_of("sr") == ("Cyrillic", "Latin")
    assert scripts_of("pa") == ("Gurmukhi", "Latin")
    assert scripts_of("vi") == ("Latin",)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hello.", "en"), ("Good morning, everyone.", "en"), ("Peter Piper", "en"),
        ("I ate a croissant in Paris.", "en"), ("Hello 你好 world", "en"), ("123", "en"),
        ("Guten Morgen, wie geht es Ihnen?", "de"), ("Bonjour tout le monde", "fr"),
        ("Hola, ¿cómo estás?", "es"), ("Dzień dobry państwu", "pl"),
        ("Привет, как дела?", "ru"), ("Добрий день, як справи у вас?", "uk"),
        ("今日はいい天気です", "ja"), ("你好，今天天气很好。", "cmn"), ("안녕하세요", "ko"),
        ("مرحبا بالعالم", "ar"), ("Γειά σου", "el"),
    ],
)  # fmt: skip
def test_the_language_of_a_text_is_told(text: str, language: str) -> None:
    assert language_of(text) == language


def test_a_text_of_two_scripts_is_spoken_by_two_voices() -> None:
    assert runs("Hello 你好 world", "en") == [("en", "Hello "), ("cmn", "你好 "), ("en", "world")]
    spoken = said("auto", "Hello 你好 world")
    assert [p.text for p in spoken] == ["Hello", "你好", "world"]


def test_a_text_file_in_an_old_encoding_is_read_and_that_is_said(tmp_path: Path) -> None:
    text = "Привет! Это довольно длинное предложение, чтобы кодировку можно было угадать."
    path = tmp_path / "old.txt"
    path.write_bytes(text.encode("cp1251"))
    with pytest.warns(VoiceWarning, match=r"old\.txt is not UTF-8; it is read as cp1251"):
        assert read_text_file(path) == text


def test_english_is_told_as_english_also_in_few_words() -> None:
    """A wrong guess would give a sentence of the default voice to another language's."""
    wrong = [s for s in SENTENCES if language_of(s) != "en"]
    assert not wrong
    few = [" ".join(s.split()[:n]) for s in SENTENCES for n in (2, 3, 4)]
    assert sum(language_of(s) != "en" for s in few) < 0.005 * len(few)


def test_every_language_that_is_told_has_a_voice() -> None:
    for language in {*LATIN, *CYRILLIC, *LANGUAGE_OF.values()}:
        assert find_voice(auto_voice("unknown", None, language)).name


@pytest.mark.parametrize(
    ("text", "voices"),
    [
        ("<speak>你好<break time='300ms'/>世界</speak>", ("cmn",)),
        ("<p>Привет, <b>как</b> дела?</p>", ("ru",)),
        ("<speak>Hello there, <emphasis>你好</emphasis></speak>", ("hibari", "cmn")),
    ],
)
def test_marks_are_of_no_script(text: str, voices: tuple[str, ...]) -> None:
    auto = AutoVoice()
    assert sum(piece.seconds for piece in auto.speak(text, CALM)) > 0.5
    assert auto.chosen == voices


def test_joiners_of_letters_stay_and_those_of_emoji_go() -> None:
    assert readable("می\u200cخواهم", "fa", "x") == "می\u200cخواهم"
    with pytest.warns(VoiceWarning, match="Emoji"):
        family = readable("We are 👨\u200d👩\u200d👧 here", "en", "x")
    assert family.split() == ["We", "are", "here"]
