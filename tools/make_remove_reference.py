#!/usr/bin/env python3
"""Make crates/unfold/tests/reference/remove.json: what scikit-learn's remove= leaves of some posts.

    python3 tools/make_remove_reference.py crates/unfold/tests/reference

The posts are written for this purpose, to meet each rule and its corners.
"""

import itertools
import json
import pathlib
import sys

import sklearn
from sklearn.datasets._twenty_newsgroups import (
    strip_newsgroup_footer,
    strip_newsgroup_header,
    strip_newsgroup_quoting,
)

STEPS = {
    "headers": strip_newsgroup_header,
    "footers": strip_newsgroup_footer,
    "quotes": strip_newsgroup_quoting,
}

POSTS = [
    "",
    "\n",
    "\n\n",
    "one line",
    "Subject: only a header\n",
    "Subject: x\n\nbody",
    "Subject: x\nFrom: a@example.org\n\nbody\n\n-- \nA. Writer\nexample.org",
    "Subject: x\r\n\r\nbody with carriage returns\r\n\r\n--\r\nsignature",
    "Subject: x\n \nthe blank line holds a space\n\nrest",
    "\n\nstarts blank\n\nends\n\n",
    "a\n\nb\n\n\n",
    "a\n---\nb",
    "a\n-- --\nb",
    "a\n  ---  \nb\n",
    "----\nonly a rule above",
    "text\n\n\x1c\x1d\nseparator characters\x1e\x1f",
    "text\n\u00a0\nno-break space line\n\u0085",
    "\u2028text\n\u3000\nwide space line",
    "H: x\n\nIn article <1@example.org> b@example.org writes:\n> old\n>> older\n| other\nnew\n > not at the start",
    "H: x\n\nA. Writer wrote:\nB. Writer writes in message 7\nC says: yes\nD said: no\nE saidno\nQuoted from F\n"
    "I quoted from G\nThis article In article H\n:quoted?\nown words",
    "H: x\n\nwords\nIn article\n\nIn articleless\n>\n|\n\nlast words\n\n--\nsig\n--\nsig again",
    "H: x\n\nHe wrote: this line goes\nbut this stays\n\n---------------\nOne | two > three\n",
    "no newline at all > quote | bar wrote:",
    "H: é\n\nUmlauts äöü wrote:\nnaïve words\n\n–––\nno ASCII rule\n",
    "a\n\n\n\nb\n\n\n\nc",
    "-",
    "--\n--\n--",
    "x\n--",
    "\t\nx",
]


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    cases = []
    for post in POSTS:
        for count in range(len(STEPS) + 1):
            for names in itertools.combinations(STEPS, count):
                text = post
                for name in names:
                    text = STEPS[name](text)
                cases.append({"post": post, "remove": names, "expected": text})
    out = pathlib.Path(sys.argv[1]) / "remove.json"
    content = {"made_by": f"tools/make_remove_reference.py, scikit-learn {sklearn.__version__}", "cases": cases}
    out.write_text(json.dumps(content, indent=0) + "\n")
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
