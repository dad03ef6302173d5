//! Draws every kind of picture, small and large. With `UNFOLD_GALLERY=DIR` the pictures are kept for a look:
//! `UNFOLD_GALLERY=/tmp/gallery cargo test -p unfold-cli gallery`.

use super::canvas::Canvas;
use super::confusion::{self, Confusion};
use super::curves;
use super::words::{self, Words};
use crate::metrics::Record;

fn keep(canvas: &Canvas, name: &str) {
    let kept = std::env::var_os("UNFOLD_GALLERY").map(std::path::PathBuf::from);
    let scratch = tempfile::tempdir().unwrap();
    let folder = kept.unwrap_or_else(|| scratch.path().to_owned());
    std::fs::create_dir_all(&folder).unwrap();
    let [svg, png] = canvas.save(&folder, name).unwrap();
    assert!(std::fs::read_to_string(svg).unwrap().ends_with("</svg>\n"));
    assert!(std::fs::read(png).unwrap().starts_with(b"\x89PNG"));
}

/// A plausible noise without a random number generator.
fn wobble(i: usize) -> f64 {
    ((i as f64 * 12.9898).sin() * 43758.5453).fract() - 0.5
}

fn training(epochs: usize, steps: usize) -> Vec<Record> {
    let mut lines = Vec::new();
    for epoch in 1..=epochs {
        for step in (epoch - 1) * steps + 1..=epoch * steps {
            let loss = 1.1 * (-(step as f64) / (steps as f64)).exp() + 0.05 + wobble(step) * 0.12;
            lines.push(format!(
                "{{\"event\":\"step\",\"step\":{step},\"epoch\":{epoch},\"loss\":{}}}",
                loss.max(0.0)
            ));
        }
        let distance = (epoch as f64 - 6.0).abs() / (epochs as f64).max(6.0);
        let (loss, accuracy) = (
            0.18 + 0.4 * distance * distance,
            0.97 - 0.12 * distance * distance,
        );
        lines.push(format!(
            "{{\"event\":\"epoch\",\"step\":{},\"epoch\":{epoch},\"valid_loss\":{loss},\"valid_accuracy\":{accuracy},\"best\":{}}}",
            epoch * steps,
            epoch <= 6
        ));
    }
    lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn gallery_curves() {
    keep(
        &curves::draw("runs/text-spam", &training(9, 80)).unwrap(),
        "curves",
    );
    keep(
        &curves::draw("runs/text-long", &training(60, 500)).unwrap(),
        "curves-long",
    );
    keep(
        &curves::draw("runs/text-short", &training(1, 3)).unwrap(),
        "curves-one-epoch",
    );
    let mut unfinished = training(1, 40);
    unfinished.pop();
    keep(
        &curves::draw("runs/text-unfinished", &unfinished).unwrap(),
        "curves-no-epoch",
    );
}

fn matrix(classes: usize) -> Vec<Vec<u64>> {
    let cell = |row: usize, column: usize| {
        let noise = (wobble(row * 31 + column * 7) + 0.5) * 9.0;
        if row == column {
            240 + (noise * 10.0) as u64
        } else {
            (noise * noise / 8.0) as u64
        }
    };
    (0..classes)
        .map(|row| (0..classes).map(|column| cell(row, column)).collect())
        .collect()
}

#[test]
fn gallery_confusion() {
    let spam = ["ham".to_owned(), "spam".to_owned()];
    let counts = vec![vec![1389, 12], vec![31, 1249]];
    keep(
        &confusion::draw(&Confusion {
            title: "Confusion on the test split",
            labels: &spam,
            counts: &counts,
        }),
        "confusion-2",
    );
    let news: Vec<String> = [
        "alt.atheism",
        "comp.graphics",
        "comp.os.ms-windows.misc",
        "comp.sys.ibm.pc.hardware",
        "comp.sys.mac.hardware",
        "comp.windows.x",
        "misc.forsale",
        "rec.autos",
        "rec.motorcycles",
        "rec.sport.baseball",
        "rec.sport.hockey",
        "sci.crypt",
        "sci.electronics",
        "sci.med",
        "sci.space",
        "soc.religion.christian",
        "talk.politics.guns",
        "talk.politics.mideast",
        "talk.politics.misc",
        "talk.religion.misc",
    ]
    .map(String::from)
    .to_vec();
    for classes in [5, 20] {
        let (labels, counts) = (&news[..classes], matrix(classes));
        let picture = confusion::draw(&Confusion {
            title: "Confusion on the test split",
            labels,
            counts: &counts,
        });
        keep(&picture, &format!("confusion-{classes}"));
    }
    let many: Vec<String> = (0..150).map(|i| format!("class number {i}")).collect();
    keep(
        &confusion::draw(&Confusion {
            title: "150 classes",
            labels: &many,
            counts: &matrix(150),
        }),
        "confusion-150",
    );
}

#[test]
fn gallery_words() {
    let text = "Subject: Congratulations!\n\nDear friend, you have WON a free holiday. Call 0800-123-456 now to claim \
                your £1000 prize, guaranteed — no purchase necessary. Reply STOP to opt out.\n\nSee you at the meeting \
                on Tuesday, I have attached the minutes. Grüße, Žofia (Женя, Νίκος).";
    let weigh = |word: &str| match word {
        "free" | "prize" | "WON" => 0.9,
        "claim" | "Call" | "Congratulations" | "guaranteed" => 0.5,
        "meeting" | "minutes" => -0.8,
        "attached" | "Tuesday" => -0.45,
        other => (other.len() as f32 - 5.0) * 0.02,
    };
    let mut weights = Vec::new();
    let mut start = None;
    for (at, letter) in text.char_indices().chain([(text.len(), ' ')]) {
        match (start, letter.is_alphanumeric()) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                weights.push((from..at, weigh(&text[from..at])));
                start = None;
            }
            _ => {}
        }
    }
    let probabilities = [("ham".to_owned(), 0.017), ("spam".to_owned(), 0.983)];
    let words = Words {
        text,
        label: "spam",
        method: "gradient × input: what each word adds to the score of the class",
        weights: &weights,
        probabilities: &probabilities,
    };
    keep(&words::draw(&words), "words");
    let long = text.repeat(30);
    keep(
        &words::draw(&Words {
            text: &long,
            ..words.clone()
        }),
        "words-long",
    );
    keep(
        &words::draw(&Words {
            text: "",
            weights: &[],
            probabilities: &[],
            ..words
        }),
        "words-empty",
    );
}
