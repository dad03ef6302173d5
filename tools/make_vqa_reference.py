#!/usr/bin/env python3
"""Make crates/unfold/tests/reference/vqa.json: what the evaluation of the VQA challenge says of some answers.

    git clone https://github.com/GT-Vision-Lab/VQA
    python3 tools/make_vqa_reference.py VQA vqa-v2-60k crates/unfold/tests/reference

Its Python 2 is read as Python 3, where \\d stands for ASCII digits too. `vqa-v2-60k` holds questions and annotations of
VQA v2; of these only the results are stored, for answers that `decorated` makes of the annotations.
"""

import contextlib
import gzip
import io
import json
import pathlib
import random
import re
import sys

ANSWERS = """
yes;no;Yes.;YES;two;2;the two;2 dogs;two dogs;dont know;don't know;do not know;none;0;zero;no one;noone;1,000;1000;1, 000
10:30;10.30;3.5;.5;5.;a.m.;8 a.m;u.s.a.;U.S.A;us;t-shirt;t shirt;tshirt;black/white;black and white;black & white
red, white;red,white;red white;(left);left;[left];left?;left ?;what?!;what ?!;the;a;an;the a an;a dog;an apple;the dog
o'clock;oclock;5 oclock;5 o'clock;cant;can't;shes;hes;it's;its;somebody'd;somebodyd;ows'at;y'allll;Im happy;im happy
i'm happy;Ive seen;id've;Id've;$5;$5.00;5 dollars;50%;50 %;#1;no. 1;mr. smith;mr smith;dr.;"stop";stop;'stop'
one two three four;ten;eleven;none of them;1,2;1,2,3;1, 2;a,b;a ,b;a_b;a__b;a = b;a=b;+1;1+1;<b>;x@y.com;back`tick
semi;colon; semi ; ;{x};x\\y;...;. . .;a.b.c;1.2.3;.;-;--;half-pipe;half - pipe;wi-fi;wifi;café;Café;ÉCOLE;½;x²;ſ
"""


def evaluation(checkout):
    """The challenge's own class, as Python 3."""
    source = (pathlib.Path(checkout) / "PythonEvaluationTools/vqaEvaluation/vqaEval.py").read_text()
    names = {}
    exec(re.sub(r'print (".*")', r"print(\1)", source), names)
    return names["VQAEval"]


class Set:
    """Questions or results, as far as the evaluation looks at them."""

    def __init__(self, qa):
        self.qa = qa

    def getQuesIds(self):
        return list(self.qa)


def evaluated(kind, annotations, answers):
    """The evaluation after it ran on a list of annotations and the answers to them."""
    questions = {annotation["question_id"]: annotation for annotation in annotations}
    results = {id: {"question_id": id, "answer": answer} for id, answer in zip(questions, answers)}
    evaluation = kind(Set(questions), Set(results), n=2)
    evaluation.periodStrip = re.compile(evaluation.periodStrip.pattern, re.ASCII)
    evaluation.commaStrip = re.compile(evaluation.commaStrip.pattern, re.ASCII)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
    return evaluation


def decorated(number, annotation):
    """An answer for the question at place `number`: that of one of the people, written in another way."""
    answer = annotation["answers"][number % 10]["answer"]
    return [
        answer,
        "The " + answer,
        answer + ".",
        answer.upper(),
        " " + answer + "\n",
        answer.replace(" ", "-"),
        answer.replace("'", ""),
        "a " + answer + " !",
    ][number % 8]


def hard_strings(source):
    known = [answer.strip() for line in ANSWERS.strip().split("\n") for answer in line.split(";")]
    pieces = known + [" ", ".", ",", "'", "/", "-", " ,", ", ", "\t", "\n", "\x1c", "\u00a0", "1", "7,", "A ", "The "]
    made = ["".join(source.choices(pieces, k=source.randint(2, 4))) for _ in range(150)]
    return known + made + ["." * 40 + "x", "a." * 40, "1." * 40, ",".join("1234567890"), " ", ""]


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    kind, data, out = evaluation(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    source = random.Random(7)
    strings = hard_strings(source)
    cases = []
    for number in range(500):
        said = source.choices(strings, k=source.choice([1, 2, 2, 3, 4, 10]))
        people = source.choices(said, k=10)
        wrong = source.choice(strings)
        answer = source.choice([people[0], people[-1].upper(), f" {people[0]}.", f"the {people[5]}", wrong])
        cases.append((answer, people, ["what", "is the", "how many"][number % 3], ["other", "number"][number % 7 // 4]))
    annotations = [
        {
            "question_id": number,
            "question_type": question_type,
            "answer_type": answer_type,
            "answers": [{"answer": answer, "answer_id": id} for id, answer in enumerate(people)],
        }
        for number, (_, people, question_type, answer_type) in enumerate(cases)
    ]
    ran = evaluated(kind, annotations, [answer for answer, *_ in cases])
    normalised = [[text, ran.processDigitArticle(ran.processPunctuation(text))] for text in dict.fromkeys(strings)]
    content = {
        "made_by": "tools/make_vqa_reference.py, GT-Vision-Lab/VQA",
        "normalised": normalised,
        "answers": [[*case, ran.evalQA[number]] for number, case in enumerate(cases)],
        "accuracy": ran.accuracy,
        "published": {},
    }
    for part in ("train", "valid", "test"):
        with gzip.open(data / f"vqa_annotatons_{part}.gzip") as file:
            annotations = json.load(file)["annotations"]
        answers = [decorated(number, annotation) for number, annotation in enumerate(annotations)]
        content["published"][part] = {"questions": len(answers), **evaluated(kind, annotations, answers).accuracy}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"
    (out / "vqa.json").write_text(text)
    print(len(strings), "strings,", len(cases), "answers,", [p["overall"] for p in content["published"].values()])


if __name__ == "__main__":
    main()
