"""What synthetic voices say to teach a network: sentences, words and invented words.

Two ways to draw them: `draw_text` gives a text, and `spoken_sentences` speaks some.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vivavoce.errors import RequestError
from vivavoce.speak.voices import find_voice
from vivavoce.types import Emotion, Float, Phone

SENTENCES: dict[str, tuple[str, ...]] = {
    "en-us": (
        "The people by the pond were playing music before the storm came.",
        "We bought five big maps and a small pair of brown boots.",
        "Maybe my mother would prefer a warm room above the bakery.",
        "She found a few fresh leaves beside the old stone wall.",
        "Open the window, please, and put the blue book upon the table.",
        "Father always thought about both of those very large apples.",
        "You should choose two shoes, a juicy peach and a wooden spoon.",
    ),
    "en-gb": (
        "Would you like a cup of tea, or perhaps a glass of water?",
        "The morning bus from Plymouth arrived at half past seven.",
        "Numbers from one to ten: one, two, three, four, five, six, seven, eight, nine, ten.",
        "Our neighbour's boy jumped over the low garden gate.",
    ),
    "de": (
        "Am Abend gehen wir gern durch den Park bis zum Bahnhof.",
        "Mein Bruder braucht morgen früh einen warmen Pullover.",
        "Fünf schöne Blumen stehen über dem Brunnen in der Stadt.",
    ),
    "fr-fr": (
        "Bonjour, je voudrais un bon morceau de pain avec du beurre.",
        "Ma petite sœur habite au bord de la mer depuis deux ans.",
    ),
    "es": (
        "Mañana por la mañana vamos a comprar pan y fruta en el mercado.",
        "El hombre bajo abre la puerta y mira la lluvia en la plaza.",
    ),
    "it": ("Buongiorno, vorrei provare questa bella camicia bianca, per favore.",),
    "pt-br": ("Meu amigo mora numa casa pequena perto da praia.",),
    "ru": ("Мама мыла раму, а папа пил кофе и читал большую книгу.",),
    "pl": ("Proszę bardzo, oto pani bilet na pociąg do Poznania.",),
    "tr": ("Bugün hava çok güzel, parkta biraz yürüyüş yapalım mı?",),
    "hi": ("मेरा भाई आज बाज़ार से फल और सब्ज़ी लाया।",),
    "cmn": ("今天天气很好，我们一起去公园吧。",),
    "sv": ("Vi köpte mjölk, bröd och några äpplen på marknaden.",),
    "id": ("Bapak membeli buku baru untuk ibu di pasar pagi ini.",),
}
"""Sentences by language, rich in closures and in open and round vowels."""
WORDS: dict[str, str] = {
    "en-us": "people baby problem happy map moment maybe summer number above between paper apple "
    "family woman home room both five seven father other thing think voice open water quiet would "
    "should church measure pleasure judge young year school blue moon good food law thought "
    "caught hot body father car art heart bird girl work first mother come money love cut up out "
    "house now down boy join point day make name time life fly my high see meet he each team said "
    "red them get bed and cat man back that bad it in sit big this six",
    "de": "Bahnhof Apfel Mutter Blume morgen über fünf schön Brot Pferd Kopf Milch immer warum "
    "Freund Straße Woche Buch gehen Haus Leute Baum Abend Papier mögen Lampe Wasser Zug Bühne",
    "fr-fr": "bonjour maman papa beurre pomme peur bon vin blanc lundi rue lune deux fleur oiseau "
    "jambe fenêtre maison beaucoup pain mer soleil petit femme homme bateau vous parler chanson",
    "es": "mañana padre madre abuelo perro hombre bueno pueblo mundo agua noche leche jamón "
    "llave cabeza problema tiempo pobre campo hambre siempre viento gente rojo blanco",
    "it": "buongiorno mamma bambino problema tempo campo sempre pane vino bello giorno chiave "
    "gelato piazza uomo donna mare zuppa ombrello pioggia figlio acqua bisogno",
    "pt-br": "bom dia mamãe pão problema tempo campo sempre amigo praia homem mulher água também "
    "viver bonito trabalho chuva filho coração um bem manhã",
    "nl": "moeder vader brood appel boom mooi huis vijf geel water school lopen kopen buiten "
    "straat probleem vriend nieuw ei uur zomer goedemorgen",
    "sv": "mamma pappa bröd äpple morgon sjö kött skola blomma himmel köpa vän fönster bok "
    "sommar hus björn kyrka mycket",
    "pl": "mama tata chleb jabłko problem proszę dzień dobry szkoła życie książka pociąg kupić "
    "kobieta człowiek pięć sześć bardzo",
    "cs": "maminka táta chléb jablko problém dobrý den škola kniha vlak koupit žena člověk pět "
    "šest řeka měsíc bubla",
    "ru": "мама папа хлеб яблоко проблема большой город книга поезд купить женщина человек "
    "пять утро любовь вода можно быть бабушка фонарь",
    "uk": "мама тато хліб яблуко проблема великий місто книга потяг купити жінка людина п'ять "
    "ранок любов вода бути",
    "el": "μητέρα πατέρας ψωμί μήλο πρόβλημα καλημέρα βιβλίο δρόμος άνθρωπος γυναίκα μπαμπάς "
    "θάλασσα νερό φως ουρανός",
    "tr": "anne baba ekmek elma problem günaydın okul kitap tren kadın insan beş üç büyük "
    "çok güzel hava yürümek bulut",
    "hu": "mama papa kenyér alma probléma jó reggelt iskola könyv vonat nő ember öt nagyon szép "
    "víz fű bűn bőr",
    "fi": "äiti isä leipä omena ongelma hyvää päivää koulu kirja juna nainen ihminen viisi kaunis "
    "vesi yö pöytä",
    "ar": "مرحبا أب أم خبز باب كتاب مدرسة بيت ماء يوم مدينة ولد بنت شمس قمر",
    "hi": "माँ पिता रोटी सेब किताब पानी बाज़ार भाई बहन मेरा नाम फूल बड़ा सुबह घर",
    "id": "bapak ibu buku baru pasar pagi rumah makan minum pergi bunga air hujan teman sekolah",
    "vi": "mẹ ba bánh mì táo buổi sáng trường học sách mua phụ nữ người năm đẹp nước",
    "sw": "mama baba mkate tatizo shule kitabu nunua mwanamke mtu tano nzuri maji habari jambo",
    "cmn": "你好 妈妈 爸爸 苹果 问题 学校 朋友 明天 北京 漂亮 音乐 不 我们 火车 水 鱼 月 说",
    "ja": "おはよう ママ パパ ぱん りんご がっこう ほん でんしゃ みず ともだち びょういん ふゆ",
    "ko": "안녕하세요 엄마 아빠 빵 사과 문제 학교 책 기차 물 친구 바람 봄 음악",
}
"""Ordinary words by language, rich in closures and in open and round vowels."""
HELD_OUT = ("nl", "uk", "hu")
"""Languages that the content network never hears while it is trained."""
VARIANTS = ("", "+f2", "+f3", "+m3", "+m7", "+f5")
"""Timbres in which `spoken_sentences` speaks, as they follow a voice's name."""
_FEELINGS = ("neutral", "neutral", "happy", "sad", "angry", "surprised")
_ONSETS = "p b m f v t d n s l r k g w y sh ch j pl br sp st tr h th z m b p"
_NUCLEI = "a a e i o u ai ou au ea oo ee"
_CODAS = ("", "", "", "m", "n", "p", "b", "t", "s", "f", "l", "r", "k")


def draw_text(language: str, rng: np.random.Generator) -> str:
    """Three to ten words of a language, now and then an invented one, with a comma or two."""
    known = WORDS[language].split()
    count = int(rng.integers(3, 11))
    words = [str(rng.choice(known)) if rng.random() < 0.8 else invented(rng) for _ in range(count)]
    return _joined(words, 0.12, rng) + str(rng.choice([".", "?", "!"]))


def invented(rng: np.random.Generator) -> str:
    """A word of one to three syllables that no language has, in Latin letters, rich in closures."""
    syllables = (
        str(rng.choice(_ONSETS.split()))
        + str(rng.choice(_NUCLEI.split()))
        + str(rng.choice(_CODAS))
        for _ in range(int(rng.integers(1, 4)))
    )
    return "".join(syllables)


def spoken_sentences(count: int, seed: int = 0) -> Iterator[tuple[tuple[Phone, ...], Float]]:
    """`count` utterances: phones with times from 0, and their sound [n] at 16 kHz.

    Half are sentences of this file, half invented words, so that every sound meets every other; in
    every language, at several rates and in several voices. The same seed gives the same ones.
    """
    rng = np.random.default_rng(seed)
    languages = list(SENTENCES)
    while count:
        language = str(rng.choice(languages))
        voice = find_voice(language + VARIANTS[rng.integers(len(VARIANTS))])
        if rng.random() < 0.5:
            words = [invented(rng) for _ in range(int(rng.integers(6, 13)))]
            text = _joined(words, 0.15, rng) + "."
        else:
            text = str(rng.choice(SENTENCES[language]))
        feeling = Emotion(_FEELINGS[rng.integers(len(_FEELINGS))], rng.random())
        try:
            pieces = list(voice.speak(text, feeling))
        except RequestError:
            continue
        phones: list[Phone] = []
        at = 0.0
        for piece in pieces:
            phones += [Phone(p.symbol, p.start_s + at, p.end_s + at) for p in piece.phones or ()]
            at += piece.seconds
        yield tuple(phones), np.concatenate([piece.samples for piece in pieces])
        count -= 1


def _joined(words: list[str], commas: float, rng: np.random.Generator) -> str:
    """The words in a row, a comma after some of them but the last."""
    marks = ["," if rng.random() < commas else "" for _ in words[1:]]
    return " ".join(word + mark for word, mark in zip(words, [*marks, ""], strict=True))
