"""Words of many languages, from which texts for synthetic speech are drawn."""

from __future__ import annotations

import numpy as np

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
"""Ordinary words, rich in closures and in open and round vowels."""
HELD_OUT = ("nl", "uk", "hu")
"""Languages that the content network never hears while it is trained."""
_ONSETS = "p b m f v t d n s l r k g w y sh ch j pl br st tr h th z"
_NUCLEI = "a e i o u ai ou au ea oo ee"
_CODAS = ["", "", "m", "n", "p", "b", "t", "s", "f", "l", "r", "k"]


def draw_text(language: str, rng: np.random.Generator) -> str:
    """Three to ten words of a language, now and then an invented one, with a comma or two."""
    known = WORDS[language].split()
    words = []
    for _ in range(int(rng.integers(3, 11))):
        word = str(rng.choice(known)) if rng.random() < 0.8 else invented(rng)
        words.append(word + ("," if rng.random() < 0.12 else ""))
    return " ".join(words).rstrip(",") + str(rng.choice([".", "?", "!"]))


def invented(rng: np.random.Generator) -> str:
    """A word of one to three syllables that no language has, in Latin letters."""
    syllables = (
        str(rng.choice(_ONSETS.split()))
        + str(rng.choice(_NUCLEI.split()))
        + str(rng.choice(_CODAS))
        for _ in range(int(rng.integers(1, 4)))
    )
    return "".join(syllables)
