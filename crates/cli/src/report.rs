//! How good a model is, as a small table.

use anyhow::Result;
use unfold::tasks::text::TextReport;

use crate::wording::{count, duration, percent};

/// The figures of a report, a line each.
pub(crate) fn table(report: &TextReport) -> String {
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
    let names = rows
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let values = rows
        .iter()
        .map(|(_, value)| value.chars().count())
        .max()
        .unwrap_or(0);
    let split = match report.split.as_str() {
        "valid" => "validation",
        other => other,
    };
    let plural = if report.examples == 1 { "" } else { "s" };
    let mut out = format!(
        "{split}: {} text{plural}, {}\n",
        count(report.examples as u64),
        duration(report.seconds)
    );
    for (name, value) in rows {
        let line = format!("  {name:<names$}  {value:>values$}");
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The whole report as one line of JSON.
pub(crate) fn json(report: &TextReport) -> Result<String> {
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
            table(&report),
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
