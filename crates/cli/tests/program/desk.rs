//! What every test of the program needs: a place to work in, data to work on, and the program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder of its own in which the program runs.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    /// An empty folder.
    pub(crate) fn new() -> Desk {
        Desk {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// A folder with `mail.csv`: texts of two kinds that are easy to tell apart.
    pub(crate) fn with_mail() -> Desk {
        let desk = Desk::new();
        desk.write("mail.csv", &mail(240));
        desk
    }

    /// Where `name` lies.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).expect("the temporary folder can be written");
    }

    /// What a file holds.
    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).expect("the file is text")
    }

    /// What a file holds, byte for byte.
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The program, ready to start in this folder.
    pub(crate) fn command(&self, line: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_unfold"));
        command
            .args(line)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn unfold(&self, line: &[&str]) -> Said {
        Said::of(self.command(line).output().expect("the program starts"))
    }

    /// Runs the program to its end with something on standard input.
    pub(crate) fn unfold_reading(&self, line: &[&str], input: &[u8]) -> Said {
        use std::io::Write as _;
        let mut command = self.command(line);
        let piped = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("standard input is piped");
        std::thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(input));
            Said::of(child.wait_with_output().expect("the program ends"))
        })
    }
}

/// What the program said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) status: Option<i32>,
}

impl Said {
    fn of(output: Output) -> Said {
        let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
        Said {
            out: text(output.stdout),
            err: text(output.stderr),
            status: output.status.code(),
        }
    }

    /// Panics unless the program ended with `status`.
    #[track_caller]
    pub(crate) fn ended(self, status: i32) -> Said {
        assert_eq!(self.status, Some(status), "{self:#?}");
        assert!(!self.err.contains("panicked"), "{self:#?}");
        self
    }

    /// Panics unless standard error has all of `parts`.
    #[track_caller]
    pub(crate) fn complained(self, parts: &[&str]) -> Said {
        for part in parts {
            assert!(self.err.contains(part), "no {part:?} in {self:#?}");
        }
        self
    }

    /// The last line of standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        let line = self.out.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// A table of so many labelled texts.
pub(crate) fn mail(rows: usize) -> String {
    const SPAM: [&str; 8] = [
        "win", "free", "prize", "claim", "cash", "urgent", "offer", "bonus",
    ];
    const HAM: [&str; 8] = [
        "meeting", "tuesday", "minutes", "report", "lunch", "project", "thanks", "agenda",
    ];
    const BOTH: [&str; 6] = ["the", "you", "we", "please", "about", "today"];
    let mut table = String::from("label,text\n");
    let mut state = 1_u64;
    let mut pick = |words: &[&'static str]| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        words[(state >> 33) as usize % words.len()]
    };
    for row in 0..rows {
        let (label, own) = if row % 3 == 0 {
            ("spam", &SPAM)
        } else {
            ("ham", &HAM)
        };
        let words: Vec<_> = (0..10)
            .map(|place| {
                if place % 2 == 0 {
                    pick(own)
                } else {
                    pick(&BOTH)
                }
            })
            .collect();
        table.push_str(&format!("{label},\"{}, number {row}\"\n", words.join(" ")));
    }
    table
}

/// Settings under which a training takes about a second.
pub(crate) const SMALL: [&str; 6] = [
    "--set",
    "model.maps=8",
    "--set",
    "model.embedding.size=16",
    "--set",
    "train.epochs=4",
];

/// Trains a small model on `mail.csv` into `out`.
#[track_caller]
pub(crate) fn train_small(desk: &Desk, out: &str, more: &[&str]) -> Said {
    let line = [
        &["train", "text", "mail.csv", "--out", out],
        &SMALL[..],
        more,
    ]
    .concat();
    desk.unfold(&line).ended(0)
}

/// Whether there is such a file with something in it.
pub(crate) fn filled(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.len() > 0)
}
