//! A laboratory's results as one HTML page that needs no other file.

use unfold::lab::{Budget, LabConfig, LabResults, Run, RunEnd, TaskResults};

use super::{figures, sentences};
use crate::pictures::page;
use crate::pictures::svg::escape;
use crate::wording::{count, duration, percent};

/// Marks that the field uses, and a command that goes for each.
const MARKS: [(&str, &str); 4] = [
    (
        "Adding problem over 600 steps: mean squared error of at most 0.0001",
        "unfold lab memory --tasks adding --cells gru --clipping on --distances 600 --hidden-size 64 \
         --steps 7000",
    ),
    (
        "Copy memory over 1,000 steps: cross-entropy of at most 0.002 (0.0204 without memory)",
        "unfold lab memory --tasks copy --cells lstm-chrono --clipping on --distances 1,3,10,30,100,300,1000 \
         --hidden-size 128 --batch-size 64 --learning-rate 0.004 --steps 12000",
    ),
    (
        "Temporal order 6b: always right",
        "unfold lab memory --tasks order-6b --cells gru --clipping on --distances 20,50,100",
    ),
    (
        "Who joined the class: at least 99 % where an Elman network guesses",
        "unfold lab memory --tasks question --cells elman,gru --clipping on --distances 10,100,1000",
    ),
];

/// The whole page.
pub(super) fn html(results: &LabResults) -> String {
    let mut out = format!(
        "<h1>The memory laboratory</h1>\n\
         <p>Which recurrent networks remember for how long, and how far the gradient reaches back in time. Each network \
         is one recurrent layer with a linear output. One training learns all distances: the shortest first, the \
         next when those before it are mastered, and all of them from half of the budget on.</p>\n<p>{}</p>\n",
        escape(&settings(results))
    );
    if !results.complete {
        out += "<p class=\"note\">Not everything that was asked for is here yet.</p>\n";
    }
    for task in &results.tasks {
        out += &section(task, &results.config);
    }
    for task in &results.left_out {
        out += &format!(
            "<p class=\"note\">{} was left out: name the folder of MNIST’s files with --mnist.</p>\n",
            task.name()
        );
    }
    out += "<h2>How far it can be driven</h2>\n<p>Marks that the field uses, and commands that go for them:</p>\n";
    for (mark, command) in MARKS {
        out += &format!("<p>{}</p>\n<pre>{}</pre>\n", escape(mark), escape(command));
    }
    out += &format!(
        "<h2>Data</h2>\n<p>Everything that was measured is in this file as JSON, in the element \
         <code>#results</code>.</p>\n<script type=\"application/json\" id=\"results\">\n{}\n</script>\n",
        json(results)
    );
    page::page("The memory laboratory", &out)
}

fn settings(results: &LabResults) -> String {
    let LabConfig {
        budget,
        hidden_size,
        batch_size,
        learning_rate,
        test_size,
        seed,
        ..
    } = &results.config;
    let budget = match budget {
        Budget::Steps(steps) => format!("at most {} steps", count(*steps as u64)),
        Budget::Seconds(seconds) => {
            format!(
                "at most {} (so figures depend on the machine)",
                duration(*seconds)
            )
        }
    };
    format!(
        "{hidden_size} units; {budget} of Adam on {batch_size} sequences, less where a task is solved earlier; learning \
         rate {learning_rate}, falling along half a cosine; measured on {} new sequences of each distance; seed {seed}. \
         All of it took {}.",
        count(*test_size as u64),
        duration(results.seconds)
    )
}

fn section(task: &TaskResults, config: &LabConfig) -> String {
    let clip_norms = &config.clip_norms;
    let mut out = format!(
        "<section id=\"{}\">\n<h2>{}</h2>\n<p>{}</p>\n<p class=\"sequence\">{}</p>\n",
        task.task.name(),
        escape(&task.title),
        escape(&task.about),
        escape(&task.example)
    );
    let figures = [
        (
            figures::accuracy(task, clip_norms),
            sentences::accuracy(task, clip_norms),
        ),
        (
            figures::gradients(task, clip_norms),
            sentences::gradients(task, clip_norms),
        ),
    ];
    for ((svg, sentence), table) in figures.into_iter().zip([scores(task), norms(task)]) {
        out += &format!(
            "<figure>\n{svg}<figcaption>{}</figcaption>\n<details><summary>Data</summary>\n<div class=\"wide\">{table}\
             </div></details>\n</figure>\n",
            escape(&sentence)
        );
    }
    out + "</section>\n"
}

/// Accuracy and loss of each training at each distance.
fn scores(task: &TaskResults) -> String {
    let mut head = vec![
        "cell".to_owned(),
        "clipped to".into(),
        "steps".into(),
        "seconds".into(),
        "ended".into(),
    ];
    for distance in &task.distances {
        head.push(format!("accuracy at {distance}"));
        head.push(format!("loss at {distance}"));
    }
    let row = |cell: &str, run: &Run| {
        let mut row = vec![
            cell.to_owned(),
            run.clip_norm
                .map_or("–".to_owned(), |norm| norm.to_string()),
            run.steps.to_string(),
            format!("{:.1}", run.seconds),
            match run.end {
                RunEnd::Solved => "solved",
                RunEnd::Spent => "budget used",
                RunEnd::Diverged => "diverged",
            }
            .to_owned(),
        ];
        for (score, loss) in run.scores.iter().zip(&run.losses) {
            row.push(percent(*score));
            row.push(number(*loss));
        }
        row
    };
    let mut rows: Vec<Vec<String>> = task
        .cells
        .iter()
        .flat_map(|own| own.runs.iter().map(|run| row(own.cell.title(), run)))
        .collect();
    let mut without = vec!["no memory".to_owned()];
    without.extend(["–"; 4].map(str::to_owned));
    for loss in &task.memoryless_losses {
        without.push(percent(task.chance));
        without.push(number(*loss));
    }
    rows.push(without);
    table(&head, &rows)
}

/// Norms of gradients at some steps back; all of them are in the JSON.
fn norms(task: &TaskResults) -> String {
    let last = task.steps - 1;
    let shown = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
    let mut shown: Vec<usize> = shown.into_iter().filter(|&back| back < last).collect();
    shown.push(last);
    let mut head = vec!["cell".to_owned(), "when".to_owned()];
    head.extend(shown.iter().map(|back| format!("{back} back")));
    let row = |cell: &str, when: String, norms: &[f64]| {
        let mut row = vec![cell.to_owned(), when];
        row.extend(
            shown
                .iter()
                .map(|&back| norms.get(back).map_or(String::new(), |&n| number(n))),
        );
        row
    };
    let mut rows = Vec::new();
    for own in &task.cells {
        let cell = own.cell.title();
        rows.push(row(cell, "before training".to_owned(), &own.before));
        for run in &own.runs {
            let when = format!("after, {}", figures::clipping(run.clip_norm));
            rows.push(row(cell, when, &run.after));
        }
    }
    table(&head, &rows)
}

fn table(head: &[String], rows: &[Vec<String>]) -> String {
    let cells = |row: &[String], tag: &str| -> String {
        let cell = |text: &String| format!("<{tag}>{}</{tag}>", escape(text));
        row.iter().map(cell).collect()
    };
    let mut out = format!("<table>\n<tr>{}</tr>\n", cells(head, "th"));
    for row in rows {
        out += &format!("<tr>{}</tr>\n", cells(row, "td"));
    }
    out + "</table>"
}

/// Three digits, whatever the size.
fn number(value: f64) -> String {
    match value.abs() {
        size if size == 0.0 || (1e-3..1e4).contains(&size) => format!("{value:.4}"),
        _ => format!("{value:.2e}"),
    }
}

/// The results as JSON that no `</script>` can end early.
fn json(results: &LabResults) -> String {
    let text = serde_json::to_string(results).expect("numbers and names can be written");
    text.replace("</", "<\\/")
}
