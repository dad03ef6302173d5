//! Which folder a run lives in.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::failure::unusable;
use crate::wording::shell;

/// Where runs go when the user does not say.
const HOME: &str = "runs";

/// The folder for a new run of `task` on `data`: `out` if it is free, else the first free name.
pub(crate) fn for_new(out: Option<PathBuf>, task: &str, data: &str) -> Result<PathBuf> {
    match out {
        Some(out) if out.exists() && !out.is_dir() => Err(unusable(
            format!("{}: is a file, not a folder", out.display()),
            "choose another folder with --out",
        )),
        Some(out) if is_run(&out) => Err(taken(&out)),
        Some(out) => Ok(out),
        None => Ok(numbered(task, data)
            .find(|path| !path.exists())
            .expect("numbers do not end")),
    }
}

/// The folder of the run to go on with: `out`, else the latest on `data` that is not finished, or the latest of all.
pub(crate) fn for_resume(out: Option<PathBuf>, task: &str, data: &str) -> Result<PathBuf> {
    match out {
        Some(out) if is_run(&out) => Ok(out),
        Some(out) => Err(unusable(
            format!("{}: there is no run to go on with", out.display()),
            "check the path, or leave --resume out to begin a new run",
        )),
        None => {
            let runs = numbered(task, data).take_while(|path| path.exists());
            let runs: Vec<PathBuf> = runs.filter(|path| is_run(path)).collect();
            let unfinished = |path: &&PathBuf| !path.join("model.safetensors").exists();
            let latest = runs.iter().rev().find(unfinished).or(runs.last());
            latest.cloned().ok_or_else(|| {
                unusable(
                    format!("there is no run on {data} to go on with in {HOME}/"),
                    "name its folder with --out, or leave --resume out to begin a new run",
                )
            })
        }
    }
}

fn taken(out: &Path) -> anyhow::Error {
    let remedy = if out.join("model.safetensors").exists() {
        "choose another folder with --out, or remove this one first".to_owned()
    } else {
        "go on with it by adding --resume, or choose another folder with --out".to_owned()
    };
    unusable(format!("{}: holds a run already", shell(out)), remedy)
}

fn is_run(path: &Path) -> bool {
    path.join("metrics.jsonl").exists() || path.join("model.safetensors").exists()
}

/// `runs/TASK-NAME`, `runs/TASK-NAME-2` and so on.
fn numbered(task: &str, data: &str) -> impl Iterator<Item = PathBuf> {
    let base = format!("{task}-{}", name(data));
    (1..).map(move |number| {
        let name = if number == 1 {
            base.clone()
        } else {
            format!("{base}-{number}")
        };
        Path::new(HOME).join(name)
    })
}

/// A short name for data: that of its file or folder without endings.
fn name(data: &str) -> String {
    const ENDINGS: [&str; 14] = [
        ".gz", ".xz", ".zst", ".bz2", ".tar", ".tgz", ".txz", ".zip", ".csv", ".tsv", ".jsonl",
        ".json", ".parquet", ".txt",
    ];
    let full = data.strip_prefix("builtin:").map(PathBuf::from);
    // `.` and `..` have no name of their own.
    let full = full
        .or_else(|| Path::new(data).canonicalize().ok())
        .unwrap_or_else(|| data.into());
    let mut name = full
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    while let Some(shorter) = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)) {
        name = shorter.to_owned();
    }
    let plain = |letter: char| {
        if letter.is_alphanumeric() || "._-".contains(letter) {
            letter
        } else {
            '-'
        }
    };
    let name: String = name.chars().map(plain).collect();
    if name.is_empty() {
        "data".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short() {
        assert_eq!(name("builtin:spam"), "spam");
        assert_eq!(name("no/such/20news-bydate.tar.xz"), "20news-bydate");
        assert_eq!(name("my mail.csv"), "my-mail");
        assert_eq!(name("/"), "data");
        assert_eq!(name("src"), "src");
    }

    #[test]
    fn runs_are_found_by_what_they_hold() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        assert_eq!(for_new(Some(out.clone()), "text", "x").unwrap(), out);
        assert!(for_resume(Some(out.clone()), "text", "x").is_err());
        std::fs::create_dir(&out).unwrap();
        std::fs::write(out.join("metrics.jsonl"), "").unwrap();
        assert_eq!(for_resume(Some(out.clone()), "text", "x").unwrap(), out);
        let said = for_new(Some(out.clone()), "text", "x")
            .unwrap_err()
            .to_string();
        assert!(said.contains("--resume"), "{said}");
        std::fs::write(out.join("model.safetensors"), "").unwrap();
        let said = for_new(Some(out), "text", "x").unwrap_err().to_string();
        assert!(
            !said.contains("--resume") && said.contains("--out"),
            "{said}"
        );
    }
}
