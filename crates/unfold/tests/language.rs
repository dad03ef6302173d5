//! Language models from text to text: they learn, carry states, write, search, and refuse what they cannot use.

use std::fs;
use std::path::Path;

use unfold::data::{Codec, Detokenizer};
use unfold::random::Key;
use unfold::tasks::language::{
    LanguageModel, LanguageRecipe, LanguageReport, Sampling, StreamState, train,
};
use unfold::tasks::{Recipe as _, RunOptions};
use unfold::train::{EpochEnd, Observer, Progress, Quiet, Stage, Start};
use unfold::{ErrorKind, Result, set_threads};

/// Sentences in which what was seen follows from who saw it, some words before.
fn sentences(count: usize) -> String {
    let mut text = String::new();
    for i in 0..count as u64 {
        let key = Key::new(7).child(i);
        let (who, what) =
            [("anna", "ship"), ("ben", "whale"), ("cora", "harbour")][key.below(0, 3)];
        let how = ["often", "never", "always"][key.below(1, 3)];
        text.push_str(&format!("{who} saw the {what} , they say , {how}\n"));
    }
    text
}

fn recipe(settings: &[&str]) -> LanguageRecipe {
    let mut recipe = LanguageRecipe::default();
    let small = [
        "data.eos=line",
        "tokens.min_count=1",
        "model.embedding_size=16",
        "window.length=20",
        "train.batch_size=8",
        "train.epochs=12",
        "train.learning_rate=0.02",
        "train.select=last",
        "model.dropout.input=0",
        "model.dropout.output=0",
    ];
    for setting in small.iter().chain(settings) {
        recipe.set(setting).unwrap();
    }
    if !recipe.model.tied || recipe.model.layers > 1 {
        recipe.set("model.hidden_size=24").unwrap();
    }
    recipe
}

fn run(out: &Path, data: &Path, recipe: &LanguageRecipe) -> Result<LanguageReport> {
    let run = RunOptions {
        out: out.to_owned(),
        resume: false,
    };
    train(data.to_str().unwrap(), recipe, &run, &mut Quiet)
}

/// A model of these sentences and the folder it is in.
fn trained(settings: &[&str]) -> (tempfile::TempDir, LanguageModel, LanguageReport) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("text.txt");
    fs::write(&data, sentences(1500)).unwrap();
    let out = folder.path().join("run");
    let report = run(&out, &data, &recipe(settings)).unwrap();
    (folder, LanguageModel::load(&out).unwrap(), report)
}

/// ln 3 nats for the name and the adverb of the ten tokens of a sentence are all that cannot be known.
const LEAST: f64 = 2.0 * 1.0986 / 10.0;

#[test]
fn every_kind_of_model_learns_what_follows() {
    let kinds: [&[&str]; 7] = [
        &[],
        &["model.layer_norm=true", "model.layers=2"],
        &["model.cell=gru", "model.tied=false", "model.layers=2"],
        &["model.cell=elman"],
        &[
            "model.dropout.locked=true",
            "model.dropout.weights=0.1",
            "model.dropout.words=0.05",
            "model.dropout.input=0.1",
            "model.dropout.output=0.1",
            "model.ar=0.1",
            "model.tar=0.1",
        ],
        &[
            "model.tied=false",
            "model.cutoffs=[8]",
            "model.dropout.output=0.1",
        ],
        &["window.drawn=true", "window.checkpoint=5"],
    ];
    for settings in kinds {
        let (_folder, model, report) = trained(settings);
        assert_eq!(
            (report.split.as_str(), model.codec().classes()),
            ("test", 16)
        );
        assert!(
            report.nats_per_token < LEAST + 0.03,
            "{settings:?}: {} nats, {LEAST:.4} are possible",
            report.nats_per_token
        );
    }
}

#[test]
fn steps_give_what_the_report_says() {
    for settings in [
        &["model.layers=2"][..],
        &["model.tied=false"],
        &["model.tied=false", "model.cutoffs=[4, 8]"],
        &["model.cell=gru"],
        &["model.layer_norm=true"],
    ] {
        let (folder, model, _) = trained(settings);
        let text = "anna saw the ship , they say , often\nben saw\n";
        let data = folder.path().join("other.txt");
        fs::write(&data, text).unwrap();
        let exact = model;
        let rounded = LanguageModel::load(&folder.path().join("run")).unwrap();
        for model in [exact, rounded.into_int8()] {
            let report = model.evaluate(data.to_str().unwrap(), &mut Quiet).unwrap();
            assert_eq!(report.split, "given");
            let mut words = Vec::new();
            for line in text.lines() {
                words.extend(model.codec().encode(line));
                words.extend(model.codec().eos());
            }
            assert_eq!(report.tokens, words.len() - 1);
            let stepper = model.stepper();
            // Two streams that read the same say the same.
            let mut state = stepper.start(2);
            let mut nats = 0.0;
            for pair in words.windows(2) {
                let logits = stepper.step(&[pair[0]; 2], &mut state).to_vec();
                let (first, second) = logits.split_at(logits.len() / 2);
                assert_eq!(first, second);
                let sum: f64 = first.iter().map(|&x| f64::from(x).exp()).sum();
                nats -= f64::from(first[pair[1] as usize]) - sum.ln();
            }
            let mean = nats / report.tokens as f64;
            assert!(
                (mean - report.nats_per_token).abs() < 1e-5,
                "{settings:?}: {mean}, reported {}",
                report.nats_per_token
            );
        }
    }
}

#[test]
fn dynamic_evaluation_learns_from_what_it_has_measured() {
    let (folder, model, _) = trained(&["model.layers=2", "model.dropout.hidden=0.3"]);
    let evaluate = |text: &str, rate: Option<f64>| {
        let data = folder.path().join("other.txt");
        fs::write(&data, text).unwrap();
        let data = data.to_str().unwrap();
        match rate {
            None => model.evaluate(data, &mut Quiet),
            Some(rate) => model.evaluate_dynamic(data, rate, &mut Quiet),
        }
    };
    let nats = |text: &str, rate| evaluate(text, rate).unwrap().nats_per_token;
    // In this text anna does something else than in the text that it was trained on.
    let new = "anna saw the harbour , they say , never\n".repeat(100);
    let (still, learned) = (nats(&new, None), nats(&new, Some(0.003)));
    assert!(learned < 0.8 * still, "{still} without, {learned} with");
    // The first 50 predictions are made before anything is learned, and nothing lasts.
    let short = &new[..new.len() / 20];
    assert_eq!(nats(short, Some(0.01)), nats(short, None));
    let next = &new[..new.len() / 10];
    assert!(nats(next, Some(0.01)) < nats(next, None) - 0.01);
    assert_eq!(nats(&new, None), still);
    // What it says of itself, and a rate that is far too large.
    let report = evaluate(short, Some(0.01)).unwrap();
    assert_eq!((report.dynamic_rate, report.tokens), (Some(0.01), 49));
    let error = evaluate(&new, Some(1e30)).unwrap_err();
    assert!(
        error.kind() == ErrorKind::Training && error.to_string().contains("smaller rate"),
        "{error}"
    );
}

#[test]
fn streams_of_a_large_batch_are_as_alone() {
    const BATCH: usize = 2000;
    let (_folder, model, _) = trained(&["train.epochs=1"]);
    let (stepper, classes) = (model.stepper(), model.codec().classes());
    let word =
        |stream: usize, step: usize| ((7 * stream + 3 * step + stream * step) % classes) as u32;
    let mut all = stepper.start(BATCH);
    let step = |all: &mut StreamState, step: usize| {
        let words: Vec<u32> = (0..BATCH).map(|stream| word(stream, step)).collect();
        stepper.step(&words, all).to_vec()
    };
    let _ = [0, 1, 2].map(|at| step(&mut all, at));
    all.reset_stream(777);
    let together = step(&mut all, 3);
    for (stream, from) in [(0, 0), (1, 0), (776, 0), (777, 3), (778, 0), (1999, 0)] {
        let mut alone = stepper.start(1);
        let steps = (from..4).map(|at| stepper.step(&[word(stream, at)], &mut alone).to_vec());
        let scores = steps.last().unwrap();
        assert_eq!(together[stream * classes..][..classes], scores, "{stream}");
    }
}

#[test]
fn it_writes_what_it_learned() {
    let (folder, model, _) = trained(&[]);
    let rounded = LanguageModel::load(&folder.path().join("run"))
        .unwrap()
        .into_int8();
    let codec = model.codec();
    let write = |sampling: Sampling, seed: u64| {
        let mut generator = model.generate(sampling, seed);
        let prompt = codec.encode("ben saw");
        generator.read(&prompt);
        let words: Vec<u32> = prompt.into_iter().chain(generator.take(7)).collect();
        Detokenizer::text(codec, &words)
    };
    let greedy = Sampling {
        temperature: 0.0,
        ..Sampling::default()
    };
    let text = write(greedy, 1);
    assert!(text.starts_with("ben saw the whale, they say,"), "{text}");
    assert_eq!(write(Sampling::default(), 3), write(Sampling::default(), 3));
    assert!((0..20).any(|seed| write(Sampling::default(), seed) != write(Sampling::default(), 3)));
    // Eight bits change little: the scores, and that steps and whole passes agree.
    let data = folder.path().join("text.txt");
    let data = data.to_str().unwrap();
    let (exact, near) = (
        model.evaluate(data, &mut Quiet).unwrap(),
        rounded.evaluate(data, &mut Quiet).unwrap(),
    );
    assert_ne!(exact.perplexity, near.perplexity);
    assert!((exact.perplexity / near.perplexity - 1.0).abs() < 0.02);
    let (stepper, word) = (rounded.stepper(), codec.encode("anna"));
    let mut state = stepper.start(1);
    let by_step = stepper.step(&word, &mut state).to_vec();
    let plain = model.stepper();
    let mut state = plain.start(1);
    let exact = plain.step(&word, &mut state);
    let far = by_step.iter().zip(exact).map(|(a, b)| (a - b).abs());
    assert!(far.fold(0.0, f32::max) < 0.3);
    // The likeliest whole sentence, and greedy as the beam of one.
    let prompt = codec.encode("cora saw");
    let found = model.beam(&prompt, 4, 20);
    assert!(
        found.len() == 4
            && found.is_sorted_by(|a, b| {
                let mean = |c: &unfold::tasks::language::Continuation| {
                    c.log_probability / c.words.len() as f64
                };
                mean(a) >= mean(b)
            })
    );
    assert!(Detokenizer::text(codec, &found[0].words).starts_with("the harbour, they say,"));
    let one = model.beam(&prompt, 1, 6).remove(0);
    let mut generator = model.generate(
        Sampling {
            temperature: 0.0,
            ..Sampling::default()
        },
        1,
    );
    generator.read(&prompt);
    assert_eq!(one.words, generator.take(6).collect::<Vec<_>>());
    // What it expected, and where it was surprised.
    let seen = model.inspect("anna saw the whale , they say");
    let surprise = |word: &str| seen.iter().find(|s| s.word == word).unwrap().surprise;
    assert!(surprise("whale") > 2.0 && surprise("the") < 0.3);
    assert_eq!(seen[3].expected.0, "ship");
    assert_eq!(seen[0].layers[0].gates.len(), 4);
    assert_eq!(model.gradients_through_time("anna saw the").len(), 1);
    assert_eq!(model.neighbours("anna", 3).unwrap().len(), 3);
    assert!(model.neighbours("nobody", 3).is_none());
    drop(folder);
}

/// Writes down which stages begin and which shares of them are told.
#[derive(Default)]
struct Stages(Vec<(Stage, Vec<Option<f64>>)>);

impl Observer for Stages {
    fn stage(&mut self, stage: Stage, share: Option<f64>) {
        match self.0.last_mut().filter(|_| share != Some(0.0)) {
            Some((last, shares)) if *last == stage => shares.push(share),
            _ => self.0.push((stage, vec![share])),
        }
    }
    fn start(&mut self, _: &Start) {}
    fn step(&mut self, _: &Progress) {}
    fn epoch(&mut self, _: &EpochEnd) {}
}

#[test]
fn long_work_is_told_and_done_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("text.txt");
    // Half a megabyte, and so some shares to tell.
    fs::write(&data, sentences(15_000)).unwrap();
    let settings = [
        "train.epochs=1",
        "model.hidden_size=4",
        "model.embedding_size=4",
    ];
    let recipe = recipe(
        &[
            &settings[..],
            &["train.batch_size=200", "tokens.tokenizer=bpe"],
        ]
        .concat(),
    );
    let run = RunOptions {
        out: folder.path().join("run"),
        resume: false,
    };
    let mut stages = Stages::default();
    train(data.to_str().unwrap(), &recipe, &run, &mut stages).unwrap();
    let names = |stages: &Stages| stages.0.iter().map(|(stage, _)| *stage).collect::<Vec<_>>();
    // Pieces are learned in two passes; training, validation and test part are encoded once each.
    let expected = [
        &[Stage::Reading][..],
        &[Stage::Learning; 2],
        &[Stage::Encoding; 3],
        &[Stage::Measuring],
    ];
    assert_eq!(names(&stages), expected.concat());
    assert_eq!(stages.0[0].1, [None]);
    for (stage, shares) in &stages.0[1..] {
        let told: Vec<f64> = shares.iter().flatten().copied().collect();
        assert!(
            told[0] == 0.0 && told.is_sorted() && told.iter().all(|s| *s <= 1.0),
            "{stage:?} {told:?}"
        );
        // What follows the reading of the text cannot be told.
        assert_eq!(shares.last() == Some(&None), *stage == Stage::Learning);
    }
    assert!(
        stages.0[3].1.len() > 1 && stages.0[6].1.len() > 10,
        "{:?}",
        stages.0
    );

    let model = LanguageModel::load(&run.out).unwrap();
    let mut stages = Stages::default();
    model.evaluate(data.to_str().unwrap(), &mut stages).unwrap();
    assert_eq!(
        names(&stages),
        [expected[0], expected[2], expected[3]].concat()
    );
}

/// Asks to stop after a number of steps.
struct StopAfter(usize);

impl Observer for StopAfter {
    fn start(&mut self, _: &Start) {}
    fn step(&mut self, _: &Progress) {
        self.0 = self.0.saturating_sub(1);
    }
    fn epoch(&mut self, _: &EpochEnd) {}
    fn stop(&self) -> bool {
        self.0 == 0
    }
}

/// Keeps what it is told beside the course of training.
#[derive(Default)]
struct Notes(Vec<String>);

impl Observer for Notes {
    fn note(&mut self, note: &str) {
        self.0.push(note.to_owned());
    }
    fn start(&mut self, _: &Start) {}
    fn step(&mut self, _: &Progress) {}
    fn epoch(&mut self, _: &EpochEnd) {}
}

#[test]
fn averaging_is_told_when_it_begins_and_waits_for_a_validation_part() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("text.txt");
    fs::write(&data, sentences(100)).unwrap();
    let mut recipe = recipe(&[
        "train.optimizer=sgd",
        "train.learning_rate=30",
        "train.schedule=constant",
        "train.average_after=0",
        "train.epochs=5",
    ]);
    let run = RunOptions {
        out: folder.path().join("run"),
        resume: false,
    };
    let mut notes = Notes::default();
    let data = data.to_str().unwrap();
    let _report = train(data, &recipe, &run, &mut notes).unwrap();
    assert_eq!(notes.0.len(), 1, "{:?}", notes.0);
    assert!(notes.0[0].contains("averaged"), "{:?}", notes.0);
    let diary = fs::read_to_string(run.out.join("metrics.jsonl")).unwrap();
    assert_eq!(
        diary.matches(r#""event":"averaging""#).count(),
        1,
        "{diary}"
    );

    recipe.set("data.valid_fraction=0").unwrap();
    let run = RunOptions {
        out: folder.path().join("whole"),
        ..run
    };
    let error = train(data, &recipe, &run, &mut Quiet)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("train.average_after: waits for validation"),
        "{error}"
    );
}

#[test]
fn threads_and_interruptions_change_no_bit() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("text.txt");
    fs::write(&data, sentences(300)).unwrap();
    let kinds: [&[&str]; 4] = [
        &[
            "model.layers=2",
            "model.dropout.locked=true",
            "model.dropout.weights=0.2",
        ],
        &[
            "model.cell=gru",
            "model.dropout.words=0.1",
            "window.drawn=true",
            "window.restart=0.2",
        ],
        &["model.layer_norm=true", "train.epochs=6"],
        // Averages from the second epoch on.
        &[
            "train.optimizer=sgd",
            "train.learning_rate=30",
            "train.schedule=constant",
            "train.average_after=0",
            "train.epochs=5",
        ],
    ];
    for (i, settings) in kinds.iter().enumerate() {
        let recipe = recipe(settings);
        let train = |name: &str, resume: bool, observer: &mut dyn Observer| {
            let out = folder.path().join(format!("{i}-{name}"));
            let run = RunOptions {
                out: out.clone(),
                resume,
            };
            train(data.to_str().unwrap(), &recipe, &run, observer)
                .map(|_| fs::read(out.join("model.safetensors")).unwrap())
        };
        set_threads(1);
        let whole = train("one", false, &mut Quiet).unwrap();
        for threads in [2, 3] {
            set_threads(threads);
            let name = format!("threads-{threads}");
            assert!(
                train(&name, false, &mut Quiet).unwrap() == whole,
                "{settings:?}"
            );
        }
        // Within the first epoch and within a later one.
        for stops in [5, 19] {
            let stopped = train("parts", stops > 5, &mut StopAfter(stops)).unwrap_err();
            assert_eq!(stopped.kind(), ErrorKind::Interrupted, "{stopped}");
        }
        assert!(
            train("parts", true, &mut Quiet).unwrap() == whole,
            "{settings:?}"
        );
    }
}

/// Sentences whose first words are told by nothing but a beginning: a model that never begins with zeros
/// while it learns is unsure there.
#[test]
fn a_model_learns_to_begin() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("text.txt");
    fs::write(&data, sentences(1500)).unwrap();
    let cold = |restart: &str| {
        let out = folder.path().join(restart);
        let settings = [
            "window.length=10",
            "train.batch_size=2",
            "train.epochs=2",
            restart,
        ];
        run(&out, &data, &recipe(&settings)).unwrap();
        let model = LanguageModel::load(&out).unwrap();
        // How surprised a model is that has read nothing else.
        let stepper = model.stepper();
        let mut state = stepper.start(1);
        let words = model.codec().encode("ben saw the whale");
        let mut nats = 0.0;
        for pair in words.windows(2) {
            let logits = stepper.step(&[pair[0]], &mut state);
            let sum: f64 = logits.iter().map(|&x| f64::from(x).exp()).sum();
            nats -= f64::from(logits[pair[1] as usize]) - sum.ln();
        }
        nats / 3.0
    };
    let (never, often) = (cold("window.restart=0"), cold("window.restart=0.2"));
    assert!(
        often < 0.8 * never,
        "{often} nats from zeros, {never} without practice"
    );
}

#[test]
fn what_cannot_be_learned_from_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("text.txt");
    let refused = |text: &str, settings: &[&str]| {
        fs::write(&data, text).unwrap();
        let out = folder.path().join("run");
        let error = run(&out, &data, &recipe(settings)).unwrap_err();
        assert!(!out.exists(), "{error}");
        error.to_string()
    };
    let said = refused("", &[]);
    assert!(said.contains("the file is empty"), "{said}");
    let said = refused(
        "the the the the\n",
        &["data.eos=never", "tokens.min_count=9"],
    );
    assert!(said.contains("no word is left"), "{said}");
    let said = refused(&sentences(9), &["model.cutoffs=[2, 3]"]);
    assert!(
        said.contains("model.cutoffs") && said.contains("tied"),
        "{said}"
    );
    let said = refused(
        &sentences(9),
        &["model.tied=false", "model.cutoffs=[2, 300]"],
    );
    assert!(said.contains("300 lies outside"), "{said}");
    let said = refused(&sentences(9), &["window.length=0"]);
    assert!(said.contains("window.length: is 0"), "{said}");
    let said = refused(&sentences(9), &["model.cell=gru", "model.layer_norm=true"]);
    assert!(said.contains("model.layer_norm: only an LSTM"), "{said}");
    let said = refused(&sentences(9), &["window.restart=1.5"]);
    assert!(said.contains("window.restart: is 1.5"), "{said}");
    let said = refused(&sentences(9), &["model.dropout.words=1"]);
    assert!(said.contains("model.dropout.words: is 1"), "{said}");
}

#[test]
fn little_text_is_enough() {
    // Shorter than a window, fewer words than columns, a single known word.
    let folder = tempfile::tempdir().unwrap();
    for (i, text) in ["one two three", "a b\n", "the the the the the"]
        .iter()
        .enumerate()
    {
        let data = folder.path().join("text.txt");
        fs::write(&data, text).unwrap();
        let fractions = ["data.test_fraction=0", "data.valid_fraction=0"];
        let report = run(
            &folder.path().join(format!("{i}")),
            &data,
            &recipe(&fractions),
        )
        .unwrap();
        assert_eq!(report.split, "train");
        assert!(report.perplexity.is_finite());
    }
}

#[test]
fn characters_pieces_and_json_lines() {
    let folder = tempfile::tempdir().unwrap();
    let text = sentences(200);
    let lines: String = text
        .lines()
        .map(|line| format!("{{\"body\":\"{line}\"}}\n"))
        .collect();
    let cases = [
        ("a.txt", &text, "tokens.tokenizer=characters"),
        ("b.txt", &text, "tokens.tokenizer=bpe"),
        ("c.jsonl", &lines, "tokens.tokenizer=words"),
    ];
    for (name, text, tokens) in cases {
        let data = folder.path().join(name);
        fs::write(&data, text).unwrap();
        let out = folder.path().join(format!("run-{name}"));
        let settings = [
            tokens,
            "data.eos=auto",
            "tokens.max_size=300",
            "train.epochs=2",
        ];
        let report = run(&out, &data, &recipe(&settings)).unwrap();
        assert_eq!(report.bits_per_character.is_some(), name != "c.jsonl");
        let metrics = fs::read_to_string(out.join("metrics.jsonl")).unwrap();
        let mut epochs = metrics.lines().filter(|line| line.contains("valid_loss"));
        let told = epochs.all(|line| line.contains("bits_per_character"));
        assert_eq!(told, name != "c.jsonl");
        // Of pieces there are more than of words.
        let per_word = report.perplexity_per_word;
        assert_eq!(per_word.is_some(), name == "b.txt");
        assert!(per_word.is_none_or(|per_word| per_word > report.perplexity));
        let model = LanguageModel::load(&out).unwrap();
        assert_eq!(model.codec().eos().is_some(), name == "c.jsonl");
        let again = model.evaluate(data.to_str().unwrap(), &mut Quiet).unwrap();
        assert_eq!(
            (again.split.as_str(), again.nats_per_token),
            ("test", report.nats_per_token)
        );
        let words: Vec<u32> = model.generate(Sampling::default(), 1).take(200).collect();
        assert!(!words.contains(&Codec::UNKNOWN));
        // Even the first word is no blind guess among all.
        let first = model.generate(Sampling::default(), 1).candidates(1)[0];
        let blind = 1.0 / model.codec().classes() as f64;
        assert!(
            first.probability > 1.2 * blind,
            "{name}: {}, blind {blind}",
            first.probability
        );
        assert!(!Detokenizer::text(model.codec(), &words).is_empty());
    }
}
