//! What is seen on a figure, said in a sentence that is made from its data.

use unfold::lab::{CellKind, RunEnd, TaskResults};

use super::figures::{LOWEST, clipping};

/// Right at least this often is remembering.
const REMEMBERS: f64 = 0.99;
/// Within this of the accuracy without memory is guessing, and
const GUESSES: f64 = 0.05;
/// within so many deviations of as many guesses.
const DEVIATIONS: f64 = 3.0;

/// Which cells remember at the longest distance, which guess, and which do neither.
pub(super) fn accuracy(task: &TaskResults, clip_norms: &[Option<f64>]) -> String {
    let sentences = clip_norms
        .iter()
        .filter_map(|&clip_norm| accuracy_with(task, clip_norm));
    sentences.collect::<Vec<_>>().join(" ")
}

fn accuracy_with(task: &TaskResults, clip_norm: Option<f64>) -> Option<String> {
    let (longest, unit) = (task.distances.last()?, task.unit);
    let deviation = (task.chance * (1.0 - task.chance) / task.tested.max(1) as f64).sqrt();
    let guessed = task.chance + GUESSES.max(DEVIATIONS * deviation);
    let (mut remember, mut between, mut guess) = (vec![], vec![], vec![]);
    let (mut diverged, mut unlearned) = (vec![], vec![]);
    for (cell, run) in task.runs(clip_norm) {
        let (name, score) = (cell.title(), *run.scores.last()?);
        if run.end == RunEnd::Diverged {
            diverged.push(format!("{name} (after {} steps)", run.steps));
        } else if score >= REMEMBERS {
            remember.push(name.to_owned());
        } else if score > guessed {
            between.push(format!("{name} ({})", percent(score)));
        } else if run.scores[0] <= guessed {
            // It guesses at the shortest distance as well, which says nothing of its memory.
            unlearned.push(format!("{name} (in {} steps)", run.steps));
        } else {
            guess.push(name.to_owned());
        }
    }
    let mut parts = Vec::new();
    let mut say = |names: &[String], what: &str| {
        if !names.is_empty() {
            let are = if names.len() == 1 { "is" } else { "are" };
            parts.push(format!("{} {are} {what}", list(names)));
        }
    };
    say(&remember, "right in at least 99 % of cases");
    say(&between, "right more often than without memory");
    say(
        &guess,
        &format!("no better than no memory ({})", percent(task.chance)),
    );
    if !unlearned.is_empty() {
        let have = if unlearned.len() == 1 { "has" } else { "have" };
        let what = "not learned the task at any distance, which says nothing of memory";
        parts.push(format!("{} {have} {what}", list(&unlearned)));
    }
    if !diverged.is_empty() {
        parts.push(format!("the training of {} diverged", list(&diverged)));
    }
    let clipping = clipping(clip_norm);
    (!parts.is_empty()).then(|| {
        format!(
            "At a distance of {longest} {unit}, {clipping}, {}.",
            parts.join("; ")
        )
    })
}

/// How much of the gradient is left far back: of the cell that keeps most and of the one that keeps least.
pub(super) fn gradients(task: &TaskResults, clip_norms: &[Option<f64>]) -> String {
    let before = task.cells.iter().map(|own| (own.cell, &own.before[..]));
    let mut sentences = vec![gradients_when(task, "Before training", before)];
    for &clip_norm in clip_norms {
        let after = task
            .runs(clip_norm)
            .map(|(cell, run)| (cell, &run.after[..]));
        let when = format!("After training {}", clipping(clip_norm));
        sentences.push(gradients_when(task, &when, after));
    }
    sentences
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}

fn gradients_when<'a>(
    task: &TaskResults,
    when: &str,
    norms: impl Iterator<Item = (CellKind, &'a [f64])>,
) -> Option<String> {
    let back = (*task.distances.last()?).min(task.steps - 1);
    let share = |norms: &[f64]| Some(norms.get(back)? / norms[0]);
    let mut kept: Vec<(&str, f64)> = norms
        .filter_map(|(cell, norms)| Some((cell.title(), share(norms).filter(|s| s.is_finite())?)))
        .collect();
    kept.sort_by(|a, b| b.1.total_cmp(&a.1));
    let ((most, its), (least, its_own)) = (*kept.first()?, *kept.last()?);
    let other = if most == least {
        String::new()
    } else {
        format!("; that of {least} {}", times(its_own))
    };
    Some(format!(
        "{when}, the gradient of {most}, taken {back} steps back, {}{other}.",
        times(its)
    ))
}

/// How a gradient compares with that of the last state.
fn times(share: f64) -> String {
    match share {
        share if share < LOWEST => "is gone (less than 10⁻¹² of the last state’s)".to_owned(),
        share if share < 0.01 => {
            let power = share.log10().floor() as i32;
            let first = share / 10f64.powi(power);
            let power = power_of_ten(power);
            format!("is {first:.1} · {power} times the last state’s")
        }
        share if share < 10.0 => format!("is {share:.2} times the last state’s"),
        share => format!("is {share:.0} times the last state’s"),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// `a`, `a and b`, `a, b and c`.
fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `10⁻³` for -3.
fn power_of_ten(power: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let raised = power
        .to_string()
        .chars()
        .map(|letter| match letter.to_digit(10) {
            Some(digit) => DIGITS[digit as usize],
            None => '⁻',
        })
        .collect::<String>();
    format!("10{raised}")
}

#[cfg(test)]
mod tests {
    use unfold::lab::{CellResults, Run, TaskKind};

    use super::*;

    fn task() -> TaskResults {
        let run = |score, end| Run {
            clip_norm: Some(1.0),
            end,
            steps: 7,
            seconds: 1.0,
            losses: vec![0.5, 0.5],
            scores: vec![1.0, score],
            after: vec![2.0, 1.0, 1.0],
        };
        let cell = |cell, last, score, end| CellResults {
            cell,
            before: vec![2.0, 1.0, last],
            runs: vec![run(score, end)],
        };
        TaskResults {
            task: TaskKind::Question,
            title: "Who?".into(),
            about: String::new(),
            unit: "words",
            example: String::new(),
            chance: 0.125,
            tested: 500,
            distances: vec![1, 2],
            steps: 3,
            memoryless_losses: vec![2.0, 2.0],
            cells: vec![
                cell(CellKind::Elman, 0.0, 0.14, RunEnd::Spent),
                cell(CellKind::Irnn, 30.0, 0.99, RunEnd::Diverged),
                cell(CellKind::Gru, 1.0, 0.995, RunEnd::Solved),
                cell(CellKind::Lstm, 0.001, 0.5, RunEnd::Spent),
                CellResults {
                    runs: vec![Run {
                        scores: vec![0.13, 0.12],
                        ..run(0.0, RunEnd::Spent)
                    }],
                    ..cell(CellKind::LstmForget, 0.5, 0.0, RunEnd::Spent)
                },
            ],
        }
    }

    #[test]
    fn each_cell_is_told_by_what_it_did() {
        assert_eq!(
            accuracy(&task(), &[Some(1.0)]),
            "At a distance of 2 words, with clipping to norm 1, GRU is right in at least 99 % of cases; LSTM (50.0 %) is \
             right more often than without memory; Elman (tanh) is no better than no memory (12.5 %); LSTM (forget bias 1) \
             (in 7 steps) has not learned the task at any distance, which says nothing of memory; the training of \
             Elman (ReLU, identity) (after 7 steps) diverged."
        );
        assert_eq!(accuracy(&task(), &[None]), "");
        // Of few answers, half may well be right by chance.
        let few = TaskResults {
            tested: 6,
            ..task()
        };
        assert!(!accuracy(&few, &[Some(1.0)]).contains("more often than without memory"));
    }

    #[test]
    fn gradients_are_told_from_most_to_least() {
        let said = gradients(&task(), &[Some(1.0)]);
        assert!(
            said.starts_with(
                "Before training, the gradient of Elman (ReLU, identity), taken 2 steps back, is 15 times the last \
                 state’s; that of Elman (tanh) is gone (less than 10⁻¹² of the last state’s). After training with \
                 clipping to norm 1, "
            ),
            "{said}"
        );
        assert_eq!(times(2.5e-7), "is 2.5 · 10⁻⁷ times the last state’s");
    }
}
