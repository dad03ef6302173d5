//! `unfold run` with a model that looks at pictures.

use std::io::IsTerminal as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use unfold::data::{Picture, decode};
use unfold::tasks::image::{ImageClassifier, ImageModel};

use super::run::{Answer, Lines, one_line};
use crate::failure::unusable;
use crate::output;
use crate::plan::Run;
use crate::tell::tell;

/// Reads a picture.
pub(super) fn read(file: &str) -> Result<Picture> {
    let path = Path::new(file);
    if !path.exists() {
        let problem = format!("{file}: there is no such picture");
        return Err(unusable(problem, "check the path"));
    }
    let bytes = std::fs::read(path).map_err(|error| unfold::Error::io(path, "read", &error))?;
    Ok(decode(&bytes, file)?)
}

/// A picture's name without the folders that it is in.
pub(super) fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Classifies pictures, a line of output for each. One that cannot be read is told and passed over; the command then fails at
/// its end.
pub(super) fn classify(plan: &Run, files: Option<&Vec<String>>) -> Result<()> {
    let model = ImageModel::load(&plan.run)?;
    let classifier = model.classifier();
    let mut failed = None;
    let mut answer = |file: &str| -> Result<()> {
        match answer(&classifier, file, plan.json)? {
            None => Ok(()),
            Some(error) => {
                if let Some(earlier) = failed.replace(error) {
                    tell!("{earlier:#}");
                }
                Ok(())
            }
        }
    };
    if let Some(files) = files {
        files.iter().try_for_each(|file| answer(file))?;
    } else {
        if std::io::stdin().is_terminal() {
            tell!("type the path of a picture and press Enter; Ctrl-D ends");
        }
        let mut lines = Lines::new(std::io::stdin().lock());
        while let Some(files) = lines.waiting().context("standard input: cannot read")? {
            files.iter().try_for_each(|file| answer(file))?;
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Prints the answer to one picture, or gives what is wrong with it.
fn answer(
    classifier: &ImageClassifier<'_>,
    file: &str,
    json: bool,
) -> Result<Option<anyhow::Error>> {
    let picture = match read(file) {
        Ok(picture) => picture,
        Err(error) => return Ok(Some(error)),
    };
    let prediction = classifier.classify(&[picture]).remove(0);
    let line = match json {
        true => serde_json::to_string(&Answer {
            picture: Some(file),
            prediction: &prediction,
        })?,
        false => format!(
            "{}\t{}\t{:.4}",
            one_line(file),
            one_line(&prediction.label),
            prediction.probability
        ),
    };
    output::print(&(line + "\n"))?;
    Ok(None)
}
