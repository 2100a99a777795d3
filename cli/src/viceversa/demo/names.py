"""Names of people who do not exist, by the region they work in. Invented; some with accents, as real files have."""

GIVEN: dict[str, tuple[str, ...]] = {
    "Americas": (
        "Avery", "Beatriz", "Caleb", "Delphine", "Elena", "Francisco", "Gwen", "Harlan", "Inés", "Jordan", "Keisha",
        "Leandro", "Maya", "Nolan", "Odette", "Priscilla", "Quentin", "Rosalía", "Silas", "Tamara", "Ulises", "Violet",
        "Wade", "Ximena", "Yolanda", "Zachary",
    ),
    "Europe": (
        "Anneliese", "Benedikt", "Clémence", "Dorothea", "Emrys", "Friederike", "Gareth", "Hannelore", "Imogen",
        "Jürgen", "Kirsten", "Lorcan", "Magnus", "Niamh", "Ottilie", "Philippa", "Rupert", "Søren", "Tilda", "Ulrike",
        "Vivienne", "Wilfred", "Xaver", "Yvette", "Zsófia",
    ),
    "Asia": (
        "Aditya", "Bao", "Chitra", "Daichi", "Eun-ji", "Farah", "Gita", "Haruka", "Indra", "Jia Hui", "Kavitha",
        "Li Wen", "Mei", "Nurul", "Omar", "Padma", "Qing", "Ravi", "Sakura", "Tariq", "Uma", "Vikram", "Wei",
        "Xin Yi", "Yusuf", "Zara",
    ),
}  # fmt: skip
FAMILY: dict[str, tuple[str, ...]] = {
    "Americas": (
        "Abernathy", "Bellweather", "Castañeda", "Dunmore", "Escobedo", "Fairbanks", "Granger", "Holloway", "Ibarra",
        "Jessup", "Kingsley", "Lafontaine", "Montoya", "Northcott", "Okonkwo", "Pemberton", "Quiñones", "Redfern",
        "Santangelo", "Thibault", "Underhill", "Valdivia", "Whitlock", "Yarrow", "Zamora",
    ),
    "Europe": (
        "Ashdown", "Brandstätter", "Cavendish", "Dreyfus", "Eichenwald", "Fitzwilliam", "Grünewald", "Hargreaves",
        "Iversen", "Jankowski", "Kestrel", "Lindqvist", "Mayrhofer", "Nightingale", "O'Rourke", "Pfefferkorn", "Quill",
        "Rosenthal", "Sommerfeld", "Tremaine", "Unterberg", "Vandermeer", "Winterbottom", "Yardley", "Zimmerling",
    ),
    "Asia": (
        "Ananda", "Bhattacharya", "Chua", "Dasgupta", "Fujimoto", "Goh", "Hakim", "Iskandar", "Jayawardena", "Koh",
        "Lim", "Murakami", "Nambiar", "Ong", "Prakash", "Rahman", "Subramaniam", "Tanaka", "Ueda", "Venkatesh",
        "Wirawan", "Xie", "Yeo", "Zulkifli",
    ),
}  # fmt: skip
