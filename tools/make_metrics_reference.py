#!/usr/bin/env python3
"""Make crates/unfold/tests/reference/metrics.json: scikit-learn's metrics of some predictions.

    python3 tools/make_metrics_reference.py crates/unfold/tests/reference
"""

import json
import pathlib
import sys
import warnings

import numpy as np
import sklearn
from sklearn import metrics


def case(name, classes, truth, predicted, probabilities=None):
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    labels = np.arange(classes)
    result = {
        "name": name,
        "classes": classes,
        "truth": truth.tolist(),
        "predicted": predicted.tolist(),
        "confusion": metrics.confusion_matrix(truth, predicted, labels=labels).ravel().tolist(),
        "accuracy": metrics.accuracy_score(truth, predicted),
    }
    per_class = metrics.precision_recall_fscore_support(truth, predicted, labels=labels, zero_division=0)
    result["per_class"] = [list(map(float, row)) for row in zip(*per_class)]
    for average in ("macro", "micro"):
        scores = metrics.precision_recall_fscore_support(truth, predicted, average=average, zero_division=0)
        result[average] = [float(score) for score in scores[:3]]
    if probabilities is not None:
        probabilities = np.asarray(probabilities, dtype=np.float32)
        result["probabilities"] = [float(str(p)) for p in probabilities.ravel()]
        result["log_loss"] = metrics.log_loss(truth, probabilities, labels=labels)
    return result


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    warnings.simplefilter("ignore")
    random = np.random.default_rng(5)
    cases = [
        case("perfect", 3, [0, 1, 2, 2], [0, 1, 2, 2], np.eye(3)[[0, 1, 2, 2]]),
        case("one class never predicted", 3, [0, 0, 1, 2, 2], [0, 1, 1, 1, 0]),
        case("one class absent altogether", 4, [0, 0, 1, 3], [0, 1, 1, 0]),
        case("all wrong and sure of it", 2, [0, 1, 1], [1, 0, 0], [[0, 1], [1, 0], [1, 0]]),
        case("one example", 2, [1], [1], [[0.25, 0.75]]),
    ]
    for classes, size in ((2, 80), (5, 100), (20, 60)):
        truth = random.integers(0, classes, size)
        logits = random.normal(size=(size, classes)) + 1.5 * np.eye(classes)[truth]
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        cases.append(case(f"{classes} classes", classes, truth, logits.argmax(axis=1), probabilities))
    content = {"made_by": f"tools/make_metrics_reference.py, scikit-learn {sklearn.__version__}", "cases": cases}
    (pathlib.Path(sys.argv[1]) / "metrics.json").write_text(json.dumps(content) + "\n")
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
