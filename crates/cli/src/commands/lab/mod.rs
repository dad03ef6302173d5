//! `unfold lab memory`: trains, measures, and writes a page about it.

pub(super) mod convolution;
mod figures;
pub(super) mod filters;
mod page;
pub(super) mod pooling;
mod sentences;
mod watch;

use std::io::Read as _;
use std::path::Path;

use anyhow::Result;
use unfold::files::write_atomic;
use unfold::lab::{self, LabResults};
use unfold::{Error, ErrorKind};

use self::watch::Watch;
use crate::failure::unusable;
use crate::interrupt::Interrupt;
use crate::output;
use crate::plan::LabMemory;
use crate::tell::tell;

/// Compares what recurrent cells remember. The page is there from the first finished task on.
pub(super) fn memory(plan: &LabMemory) -> Result<()> {
    let interrupt = Interrupt::install()?;
    check_room(&plan.out)?;
    let mut watch = Watch::new(plan, interrupt);
    let results = lab::memory(&plan.config, &mut watch);
    watch.finish();
    let results = results?;
    save(&plan.out, &results)?;
    if plan.json {
        let mut line = serde_json::to_value(&results)?;
        line["page"] = plan.out.display().to_string().into();
        output::print(&format!("{line}\n"))?;
    } else {
        output::print(&format!("{}\n", plan.out.display()))?;
    }
    if results.complete {
        return Ok(());
    }
    let error = Error::new(
        ErrorKind::Interrupted,
        plan.out.display(),
        "stopped; the page has the trainings that were done",
        "",
    );
    Err(error.into())
}

/// Writes the page of `results`.
fn save(path: &Path, results: &LabResults) -> Result<()> {
    write(path, &page::html(results))
}

/// Writes a page, with its folder where there is none, in the place of a page at most.
fn write(path: &Path, html: &str) -> Result<()> {
    make_folder(path)?;
    keep_other(path)?;
    Ok(write_atomic(path, html.as_bytes())?)
}

/// Refuses a page that cannot be written, before hours are spent on what it shows. Its folder is there then.
fn check_room(path: &Path) -> Result<()> {
    make_folder(path)?;
    keep_other(path)?;
    let probe = path.with_extension("html.probe");
    std::fs::write(&probe, "").map_err(|error| Error::io(path, "write", &error))?;
    std::fs::remove_file(&probe).map_err(|error| Error::io(&probe, "remove", &error))?;
    Ok(())
}

/// Refuses to replace a file that is no page.
fn keep_other(path: &Path) -> Result<()> {
    let mut head = [0; 9];
    let file = std::fs::File::open(path);
    let read = file.and_then(|mut file| file.read_exact(&mut head));
    let page = match read {
        Ok(()) => head.eq_ignore_ascii_case(b"<!doctype"),
        // There is none, or an empty one.
        Err(_) => std::fs::metadata(path).map_or(true, |file| file.len() == 0),
    };
    match page {
        true => Ok(()),
        false => Err(unusable(
            format!("{}: is a file, and no page to be replaced", path.display()),
            "choose another name with --out",
        )),
    }
}

fn make_folder(path: &Path) -> Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let made = folder.map_or(Ok(()), std::fs::create_dir_all);
    made.map_err(|error| Error::io(folder.unwrap_or(path), "create", &error))?;
    Ok(())
}

/// Writes the page of what is done so far; that it cannot is no reason to stop, as it is tried again at the end.
fn save_for_now(path: &Path, results: &LabResults) {
    if let Err(error) = save(path, results) {
        tell!("note: {error:#}");
    }
}
