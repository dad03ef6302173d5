//! How good a model is, as a small table.

use anyhow::Result;
use serde::Serialize;
use unfold::metrics::{CaptionScores, Recall, VqaScores};
use unfold::tasks::ScoreReport;
use unfold::tasks::align::AlignReport;
use unfold::tasks::caption::CaptionReport;
use unfold::tasks::image::ImageReport;
use unfold::tasks::language::LanguageReport;
use unfold::tasks::text::TextReport;
use unfold::tasks::vqa::VqaReport;
use unfold::train::Unit;

use crate::wording::{count, duration, percent, perplexity};

/// As many damaged pictures are named in a table.
const NAMED: usize = 5;

/// The figures of a report, a line each.
pub(crate) fn of_text(report: &TextReport) -> String {
    let mut rows = vec![("accuracy".to_owned(), percent(report.accuracy))];
    let of = report
        .positive
        .as_ref()
        .map_or(String::new(), |positive| format!(" of “{positive}”"));
    for (name, share) in [
        ("precision", report.precision),
        ("recall", report.recall),
        ("F1", report.f1),
    ] {
        if let Some(share) = share {
            rows.push((format!("{name}{of}"), percent(share)));
        }
    }
    rows.push(("macro F1".into(), percent(report.macro_f1)));
    rows.push(("loss".into(), format!("{:.4}  ", report.loss)));
    let title = title(&report.split, report.examples, "text", report.seconds);
    lines(&title, &rows)
}

/// The figures of an image classifier's report, a line each.
pub(crate) fn of_image(report: &ImageReport) -> String {
    let mut rows = vec![
        ("accuracy".to_owned(), percent(report.accuracy)),
        ("macro F1".into(), percent(report.macro_f1)),
        ("loss".into(), format!("{:.4}  ", report.loss)),
    ];
    if !report.damaged.is_empty() {
        let damaged = count(report.damaged.len() as u64);
        rows.push(("damaged".into(), format!("{damaged}  ")));
    }
    if let Some(share) = report.data_wait_share {
        rows.push(("waiting for pictures".into(), percent(share)));
    }
    let title = title(&report.split, report.examples, "picture", report.seconds);
    lines(&title, &rows) + &unread(&report.damaged)
}

/// The first pictures that could not be read, a line each.
fn unread(damaged: &[String]) -> String {
    let mut out = String::new();
    for picture in damaged.iter().take(NAMED) {
        out += &format!("  damaged: {picture}\n");
    }
    if damaged.len() > NAMED {
        let more = count((damaged.len() - NAMED) as u64);
        out += &format!("  and {more} more: --json names them all\n");
    }
    out
}

/// The figures of a report on answers to questions, a line each.
pub(crate) fn of_vqa(report: &VqaReport) -> String {
    let mut rows = vqa_rows(&report.scores);
    rows.push(("loss".into(), format!("{:.4}  ", report.loss)));
    if report.out_of_reach > 0 {
        let share = report.out_of_reach as f64 / report.examples.max(1) as f64;
        rows.push(("answer not known".into(), percent(share)));
    }
    if report.unknown > 0 {
        let share = report.unknown as f64 / report.examples.max(1) as f64;
        rows.push(("no word known".into(), percent(share)));
    }
    if let Some(scores) = &report.counter_examples {
        rows.push(("counter-examples found".into(), percent(scores.found)));
        rows.push(("  the nearest picture".into(), percent(scores.nearest)));
        rows.push(("  at random".into(), percent(scores.chance)));
    }
    let title = title(&report.split, report.examples, "question", report.seconds);
    lines(&title, &rows) + &unread(&report.damaged)
}

/// As many types of questions are told in a table; JSON has them all.
const MOST_TYPES: usize = 12;

/// How many answers are right, and of which types.
fn vqa_rows(scores: &VqaScores) -> Vec<(String, String)> {
    let mut rows = vec![("accuracy".to_owned(), percent(scores.accuracy))];
    let types = scores.by_answer_type.iter().chain(&scores.by_question_type);
    let left = types.clone().count().saturating_sub(MOST_TYPES);
    for (name, share) in types.take(MOST_TYPES) {
        rows.push((format!("  {name}"), percent(*share)));
    }
    if left > 0 {
        let more = format!("  and {} more types: --json has all", count(left as u64));
        rows.push((more, String::new()));
    }
    rows
}

/// How near captions come to those of people.
fn caption_rows(scores: &CaptionScores) -> Vec<(String, String)> {
    let shares = [
        ("BLEU-1", scores.bleu1),
        ("BLEU-2", scores.bleu2),
        ("BLEU-3", scores.bleu3),
        ("BLEU-4", scores.bleu4),
        ("ROUGE-L", scores.rouge_l),
        ("CIDEr", scores.cider),
        ("CIDEr-D", scores.cider_d),
    ];
    let row = |(name, share): (&str, f64)| (name.to_owned(), format!("{:.1}", 100.0 * share));
    shares.map(row).to_vec()
}

/// The figures of a captioner's report, a line each.
pub(crate) fn of_caption(report: &CaptionReport) -> String {
    let mut rows = caption_rows(&report.scores);
    let nats = format!("{:.4}", report.nats_per_word);
    rows.push(("nats per word".into(), nats));
    let speed = format!("{:.0}  ", report.captions_per_second);
    rows.push(("captions a second".into(), speed));
    let title = title(&report.split, report.examples, "picture", report.seconds);
    lines(&title, &rows) + &unread(&report.damaged)
}

/// The figures of an alignment model's report, a line each.
pub(crate) fn of_align(report: &AlignReport) -> String {
    let mut rows = Vec::new();
    let mut add = |what: &str, recall: &Recall| {
        for (k, share) in [(1, recall.r1), (5, recall.r5), (10, recall.r10)] {
            rows.push((format!("{what} among the first {k}"), percent(share)));
        }
        let rank = count(recall.median_rank as u64);
        rows.push((format!("{what}, median rank"), format!("{rank}  ")));
    };
    add("a picture's sentence", &report.sentences);
    add("a sentence's picture", &report.pictures);
    rows.push(("sentences".into(), count(report.captions as u64) + "  "));
    let title = title(&report.split, report.examples, "picture", report.seconds);
    lines(&title, &rows) + &unread(&report.damaged)
}

/// The figures of a language model's report, a line each.
pub(crate) fn of_language(report: &LanguageReport) -> String {
    let unit = match report.unit {
        Unit::Words => "word",
        Unit::Characters => "character",
        _ => "token",
    };
    let mut rows = vec![
        (
            format!("perplexity, per {unit}"),
            perplexity(report.perplexity),
        ),
        (
            format!("nats per {unit}"),
            format!("{:.4}", report.nats_per_token),
        ),
    ];
    if let Some(per_word) = report.perplexity_per_word {
        rows.push(("perplexity, per word".into(), perplexity(per_word)));
    }
    if let Some(bits) = report.bits_per_character {
        rows.push(("bits per character".into(), format!("{bits:.4}")));
    }
    rows.push((format!("unknown {unit}s"), percent(report.unknown)));
    if let Some(rate) = report.dynamic_rate {
        rows.push(("learned while reading, rate".into(), rate.to_string()));
    }
    lines(
        &title(&report.split, report.tokens, unit, report.seconds),
        &rows,
    )
}

/// The figures of predictions, a line each.
pub(crate) fn of_score(report: &ScoreReport) -> String {
    match report {
        ScoreReport::Caption(report) => {
            let title = title(report.split, report.examples, "caption", report.seconds);
            lines(&title, &caption_rows(&report.scores))
        }
        ScoreReport::Vqa(report) => {
            let title = title(report.split, report.examples, "answer", report.seconds);
            lines(&title, &vqa_rows(&report.scores))
        }
    }
}

fn title(split: &str, count_: usize, unit: &str, seconds: f64) -> String {
    let split = match split {
        "valid" => "validation",
        other => other,
    };
    let plural = if count_ == 1 { "" } else { "s" };
    format!(
        "{split}: {} {unit}{plural}, {}\n",
        count(count_ as u64),
        duration(seconds)
    )
}

/// Names and values below each other.
fn lines(title: &str, rows: &[(String, String)]) -> String {
    let width = |text: &str| text.chars().count();
    let names = rows.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    let values = rows
        .iter()
        .map(|(_, value)| width(value))
        .max()
        .unwrap_or(0);
    let mut out = title.to_owned();
    for (name, value) in rows {
        let line = format!("  {name:<names$}  {value:>values$}");
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The whole report as one line of JSON.
pub(crate) fn json(report: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string(report)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_below_each_other() {
        let report = TextReport {
            task: "text",
            split: "test".into(),
            accuracy: 0.9892,
            macro_f1: 0.97,
            precision: Some(1.0),
            recall: Some(0.95),
            f1: Some(0.974),
            positive: Some("spam".into()),
            loss: 0.0312,
            examples: 1116,
            seconds: 42.0,
            labels: vec!["ham".into(), "spam".into()],
            confusion: vec![vec![1, 0], vec![0, 1]],
        };
        assert_eq!(
            of_text(&report),
            "test: 1,116 texts, 42.0 s\n  \
             accuracy              98.92 %\n  \
             precision of “spam”  100.00 %\n  \
             recall of “spam”      95.00 %\n  \
             F1 of “spam”          97.40 %\n  \
             macro F1              97.00 %\n  \
             loss                 0.0312\n"
        );
    }
}
