//! Metrics of classes against scikit-learn's (`tools/make_metrics_reference.py`).

use serde::Deserialize;
use unfold::metrics::{Confusion, Scores, log_loss};

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    classes: usize,
    truth: Vec<usize>,
    predicted: Vec<usize>,
    confusion: Vec<u64>,
    accuracy: f64,
    per_class: Vec<[f64; 4]>,
    #[serde(rename = "macro")]
    macro_average: [f64; 3],
    micro: [f64; 3],
    probabilities: Option<Vec<f32>>,
    log_loss: Option<f64>,
}

fn close(a: &[f64], b: &[f64], tolerance: f64, what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    assert!(
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < tolerance),
        "{what}: {a:?}, scikit-learn {b:?}"
    );
}

#[test]
fn metrics_equal_scikit_learns() {
    let reference: Reference =
        serde_json::from_str(include_str!("../reference/metrics.json")).expect("reference");
    for case in reference.cases {
        let name = &case.name;
        let pairs = case
            .truth
            .iter()
            .copied()
            .zip(case.predicted.iter().copied());
        let confusion = Confusion::of(case.classes, pairs);
        let cells = (0..case.classes).flat_map(|t| (0..case.classes).map(move |p| (t, p)));
        assert_eq!(
            cells
                .map(|(t, p)| confusion.count(t, p))
                .collect::<Vec<_>>(),
            case.confusion,
            "{name}"
        );
        close(&[confusion.accuracy()], &[case.accuracy], 1e-12, name);
        for (
            Scores {
                precision,
                recall,
                f1,
                support,
            },
            expected,
        ) in confusion.per_class().into_iter().zip(&case.per_class)
        {
            close(
                &[precision, recall, f1, support as f64],
                expected,
                1e-12,
                name,
            );
        }
        let [whole, pooled] = [confusion.macro_average(), confusion.micro_average()];
        close(
            &[whole.precision, whole.recall, whole.f1],
            &case.macro_average,
            1e-12,
            name,
        );
        close(
            &[pooled.precision, pooled.recall, pooled.f1],
            &case.micro,
            1e-12,
            name,
        );
        if let (Some(probabilities), Some(expected)) = (case.probabilities, case.log_loss) {
            close(
                &[log_loss(&probabilities, case.classes, &case.truth)],
                &[expected],
                1e-6,
                name,
            );
        }
    }
}

#[test]
fn nothing_counted_is_no_division_by_zero() {
    let empty = Confusion::new(2);
    assert_eq!(
        (empty.accuracy(), empty.macro_f1(), empty.micro_f1()),
        (0.0, 0.0, 0.0)
    );
    assert_eq!(log_loss(&[], 2, &[]), 0.0);
}
