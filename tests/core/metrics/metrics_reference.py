"""Random predictions with the metrics of scikit-learn and SciPy: metrics_reference.py OUT.json"""
import json
import sys
import warnings

import numpy as np
from scipy import stats
from sklearn import metrics

warnings.filterwarnings("ignore")


def classification(labels, predictions, classes):
    case = {"classes": classes, "labels": labels.tolist(), "predictions": predictions.tolist()}
    case["accuracy"] = metrics.accuracy_score(labels, predictions)
    case["macro_f1"] = metrics.f1_score(labels, predictions, average="macro", zero_division=0)
    case["mcc"] = metrics.matthews_corrcoef(labels, predictions)
    if classes == 2:
        case["f1"] = metrics.f1_score(labels, predictions, pos_label=1, zero_division=0)
    return case


def regression(labels, predictions):
    case = {"labels": labels.tolist(), "predictions": predictions.tolist()}
    pearson = stats.pearsonr(predictions, labels).statistic
    spearman = stats.spearmanr(predictions, labels).statistic
    # filigree says 0 where SciPy says nan: a constant has no correlation.
    case["pearson"] = 0.0 if np.isnan(pearson) else float(pearson)
    case["spearman"] = 0.0 if np.isnan(spearman) else float(spearman)
    return case


def classification_cases(rng):
    for classes in [2] * 12 + [3, 3, 5, 7, 45, 45]:
        size = int(rng.integers(1, 400))
        labels = rng.integers(0, classes, size)
        predictions = np.where(rng.random(size) < 0.6, labels, rng.integers(0, classes, size))
        yield classification(labels, predictions, classes)
    # Classes that are never seen, one class only, constant predictions, all wrong.
    yield classification(rng.integers(0, 3, 50), rng.integers(1, 4, 50), 45)
    for label in (0, 1):
        for prediction in (0, 1):
            yield classification(np.full(9, label), np.full(9, prediction), 2)
    yield classification(rng.integers(0, 2, 40), np.zeros(40, int), 2)
    yield classification(rng.integers(0, 2, 40), np.ones(40, int), 2)
    yield classification(np.array([0, 1, 0, 1]), np.array([1, 0, 1, 0]), 2)
    yield classification(rng.integers(0, 2, 40000), rng.integers(0, 2, 40000), 2)


def regression_cases(rng):
    for size in (2, 3, 10, 100, 1500):
        labels = rng.random(size) * 5
        yield regression(labels, labels + rng.standard_normal(size))
        # Ties, as in STS-B's labels and in predictions that are rounded.
        labels = np.round(labels * 4) / 4
        yield regression(labels, np.round(labels + rng.standard_normal(size), 1))
        yield regression(labels, -labels)
        yield regression(labels, np.full(size, 0.1))
    yield regression(np.array([1e9, 1e9 + 1, 1e9 + 2, 1e9 + 4]), np.array([0.0, 1, 3, 2]))


rng = np.random.default_rng(20)
with open(sys.argv[1], "w") as out:
    json.dump({"classification": list(classification_cases(rng)), "regression": list(regression_cases(rng))}, out)
