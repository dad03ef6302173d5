#!/usr/bin/env python3
"""Make crates/unfold/tests/reference/captions.json: the metrics and the words of captions.

    git clone https://github.com/vrama91/cider
    python3 tools/make_caption_reference.py cider crates/unfold/tests/reference

BLEU, ROUGE-L and CIDEr-D (which it calls CIDEr) are those of pycocoevalcap, plain CIDEr is that of the checkout, whose
Python 2 is read as Python 3. Words are those of the Stanford tokenizer that pycocoevalcap brings along and runs with
Java. All captions are made up here.
"""

import contextlib
import importlib.metadata
import io
import json
import pathlib
import random
import sys

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

WHO = ["a man", "two dogs", "the little girl", "a woman in a red hat", "some people", "a brown dog", "three children"]
DOES = ["runs", "jumps over a log", "is riding a bike", "play with a ball", "looks at the camera", "sits", "climbing"]
WHERE = ["on the beach", "in the snow", "near a lake", "in front of a building", "at night", "", "down the street"]

SENTENCES = """
A man in a blue shirt is standing on a ladder .
Two dogs run.
The dog's ball isn't red, it's blue!
The boys' bikes can't be seen; they won't move...
A man with a hat doesn't know what he'd do
I'm sure we've seen it, and you'll like it: they're here
He said "hello" to the man.
A 20-year-old man wearing a T-shirt & jeans .
Three kids, 2 dogs, and 1,000 balloons at 10:30 a.m. today
He gave $5.50 and 20% to Mr. Smith of the U.S. team
It is 5 o'clock in the morning
They cannot go , they 're gonna stay and gotta sleep
A black and white dog -- jumping - over a log
A well-known black-haired girl 's dress
what color is the man's hat?
What is that? I don't know!
a dog jumps over the fence
A child 's toy is n't here
A man holds a sign that reads " Free hugs "
Bikers race ; crowd cheers !
A  man   with   wide   spaces
A girl wearing a #1 jersey
An e-mail from the man at 3 p.m
A man's and women's race
Children do n't play
A dog is running .A cat sits .
an x-ray of a hand
She is 5 feet tall , he is 6
the baby is wearing mommy's shoes
Ain't he nice
A man rides a four-wheeler
A person on snow skis looking up at the landscape .
Young man's bike is up against the wall .
Mrs. and Dr. Jones
The St. Bernard is big
"""


def captions(seed, pictures, references):
    """Made-up captions: candidates, and some references for each."""
    source = random.Random(seed)
    sentence = lambda: " ".join(f"{source.choice(WHO)} {source.choice(DOES)} {source.choice(WHERE)}".split())
    result = []
    for _ in range(pictures):
        wanted = [sentence() for _ in range(source.randint(*references))]
        words = source.choice([sentence(), source.choice(wanted)]).split()
        if source.random() < 0.4:
            words = words[: source.randint(0, len(words))]
        if source.random() < 0.4:
            words = words + source.choices(["a", "a", "the", "zebra", words[-1] if words else "on"], k=source.randint(1, 9))
        result.append([" ".join(words), wanted])
    return result


def plain_cider(checkout):
    source = (pathlib.Path(checkout) / "pyciderevalcap/cider/cider_scorer.py").read_text()
    names = {}
    exec(source.replace("xrange", "range").replace("iteritems", "items"), names)
    return names["CiderScorer"]


def case(scorer, name, items):
    candidates = {number: [candidate] for number, (candidate, _) in enumerate(items)}
    references = {number: wanted for number, (_, wanted) in enumerate(items)}
    plain = scorer(n=4, sigma=6.0)
    for candidate, wanted in items:
        plain += (candidate, wanted)
    with contextlib.redirect_stdout(io.StringIO()):
        bleu = Bleu(4).compute_score(references, candidates)[0]
    return {
        "name": name,
        "captions": items,
        "bleu": bleu,
        "rouge_l": float(Rouge().compute_score(references, candidates)[0]),
        "cider": float(plain.compute_score("corpus")[0]),
        "cider_d": float(Cider().compute_score(references, candidates)[0]),
    }


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    scorer = plain_cider(sys.argv[1])
    one = ["a dog runs on the beach", ["a dog runs on the beach", "the dog is running"]]
    cases = [
        case(scorer, "one picture", [one]),
        case(scorer, "the same captions", [one, ["two men sit", ["two men sit"]], ["a b c d e", ["a b c d e"]]]),
        case(scorer, "nothing in common", [["x y z", ["a b c", "d"]], ["u", ["v w"]]]),
        case(scorer, "no word", [["", ["a dog", "two dogs"]], ["a dog", ["a dog"]], ["", [""]], ["a cat", [""]]]),
        case(scorer, "one word many times", [["the the the the the the", ["the cat is on the mat"]], ["a", ["a a a"]]]),
        case(scorer, "equally near lengths", [["a b c", ["a b", "a b c d"]], ["a b c", ["a b c d", "a b"]]]),
    ]
    for seed, pictures, references in ((1, 3, (1, 3)), (2, 20, (5, 5)), (3, 60, (1, 6)), (4, 150, (5, 5))):
        cases.append(case(scorer, f"{pictures} pictures", captions(seed, pictures, references)))
    sentences = SENTENCES.strip().split("\n")
    tokens = PTBTokenizer().tokenize({n: [{"caption": text}] for n, text in enumerate(sentences)})
    version = importlib.metadata.version("pycocoevalcap")
    content = {
        "made_by": f"tools/make_caption_reference.py, pycocoevalcap {version}",
        "cases": cases,
        "words": [[text, tokens[n][0]] for n, text in enumerate(sentences)],
    }
    text = json.dumps(content, separators=(",", ":")) + "\n"
    (pathlib.Path(sys.argv[2]) / "captions.json").write_text(text)
    print(len(cases), "cases,", len(sentences), "sentences")


if __name__ == "__main__":
    main()
