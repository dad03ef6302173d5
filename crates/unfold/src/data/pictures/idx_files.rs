//! IDX files as MNIST has them: one of pictures, one of labels, for each part of the data.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::layout::{Collection, Found};
use super::set::{Content, Name};
use crate::data::files::{File, Files, damaged};
use crate::data::idx::{self, Opened};
use crate::data::parts::{self, Part};
use crate::data::store::{Place, Store};
use crate::error::{Error, Result};

/// The folder of an IDX file, and a pattern for it and its mate.
pub(super) fn pair_of(path: &Path) -> Option<(PathBuf, String)> {
    let name = path.file_name()?.to_str()?;
    let kind = ["images", "labels"]
        .into_iter()
        .find(|kind| name.contains(kind))?;
    let (start, end) = name.split_once(kind)?;
    let end = end.strip_suffix(".gz").unwrap_or(end);
    let named_so = end.contains("idx3-ubyte") || end.contains("idx1-ubyte");
    if !named_so || !path.is_file() {
        return None;
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    Some((folder.to_owned(), format!("{start}*idx?-ubyte*")))
}

/// Whether DATA holds pictures in IDX files.
pub(super) fn are_in(files: &Files<Place>) -> bool {
    files.files.iter().any(|file| is_images(&file.path))
}

/// Whether a file holds pictures.
pub(super) fn is_images(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.contains("images") && name.contains("idx3-ubyte")
}

/// Reads all pairs of pictures and labels.
///
/// # Errors
/// When a file has no mate, cannot be read, or does not fit its mate.
pub(super) fn read(files: Files<Place>) -> Result<Collection> {
    let Files {
        name,
        files,
        shared: mut store,
        mut notes,
        ..
    } = files;
    let images: Vec<&File<Place>> = files.iter().filter(|file| is_images(&file.path)).collect();
    // One pair alone is all there is, whatever it is called.
    let part_of = |file: &&File<Place>| part_of(&file.path).filter(|_| images.len() > 1);
    let parts: Vec<Option<Part>> = images.iter().map(part_of).collect();
    let sets: BTreeSet<String> = images.iter().map(|file| set_of(&file.path)).collect();
    if sets.len() > 1 {
        let paths: Vec<&str> = images.iter().map(|file| file.path.as_str()).collect();
        return Err(Error::data(
            &name,
            format!("holds several sets: {}", paths.join(", ")),
            format!(
                "choose one with `only`, such as only = \"{}\"",
                paths[0].replace("images", "*")
            ),
        ));
    }
    let mut found = Vec::new();
    for (file, &part) in images.iter().zip(&parts) {
        let mate = mate_of(&file.path);
        let labels = files
            .iter()
            .find(|file| mate.contains(&file.path))
            .ok_or_else(|| {
                let problem = format!("holds {} but no {}", file.path, mate[0]);
                let remedy = "put the file with the labels beside the one with the pictures";
                Error::data(&name, problem, remedy)
            })?;
        if parts.iter().any(Option::is_some) && part.is_none() {
            let path = &file.path;
            notes.push(format!(
                "{path} belongs to no part of the split and was passed over"
            ));
            continue;
        }
        let (place, images) = opened(&store, &name, file)?;
        let (labels_place, labels) = opened(&store, &name, labels)?;
        // Before anything is read of what may be large.
        let shape = idx::fitting((&place, &images.shape), (&labels_place, &labels.shape))?;
        let mut classes = Vec::new();
        labels.values(|stream| {
            let read = stream.read_to_end(&mut classes);
            let read = read.map_err(|error| damaged(&labels_place, &error))?;
            Ok(read as u64)
        })?;
        let contents = kept(images, shape, &place, &mut store)?;
        for (n, (content, label)) in contents.zip(classes).enumerate() {
            found.push(Found {
                part,
                label: label.to_string(),
                name: Name::Inside {
                    file: file.path.clone(),
                    unit: "picture",
                    number: n + 1,
                },
                content,
            });
        }
    }
    Ok(Collection {
        name,
        store,
        found,
        notes,
        damaged: Vec::new(),
    })
}

/// What an IDX file is called, and its head. Its values can be read while more is added to the store.
///
/// # Errors
/// When it cannot be read.
pub(super) fn opened(
    store: &Store,
    data: &str,
    file: &File<Place>,
) -> Result<(String, Opened<'static>)> {
    let name = format!("{data}, {}", file.path);
    let stream = store.detached(&file.bytes);
    let stream = stream.map_err(|error| Error::io(&name, "read", &error))?;
    let opened = idx::open(stream, &name)?;
    Ok((name, opened))
}

/// Each picture of a file `[N, H, W]`, whose pixels go to the store block by block: they may be more than memory holds.
///
/// # Errors
/// When the file is damaged, or there is no room on disk.
pub(super) fn kept(
    images: Opened<'_>,
    [pictures, height, width]: [usize; 3],
    place: &str,
    store: &mut Store,
) -> Result<impl Iterator<Item = Content> + use<>> {
    let mut start = 0;
    images.values(|stream| {
        let range = store.push(place, stream)?;
        start = range.start;
        Ok(range.end - range.start)
    })?;
    let size = (height * width) as u64;
    Ok((0..pictures as u64).map(move |n| Content::Grey {
        pixels: start + n * size..start + (n + 1) * size,
        height,
        width,
    }))
}

/// MNIST's own name for its test part stands beside the usual ones.
fn part_of(path: &str) -> Option<Part> {
    parts::of_file(&path.replace("t10k", "test"))
}

/// Files that share it belong to one set.
fn set_of(path: &str) -> String {
    parts::set_of(&path.replace("t10k", "test"))
}

/// What the file with the labels may be called.
fn mate_of(path: &str) -> [String; 2] {
    let mate = path.replace("images", "labels").replace("idx3", "idx1");
    let other = if mate.contains("-idx1") {
        mate.replace("-idx1", ".idx1")
    } else {
        mate.replace(".idx1", "-idx1")
    };
    [mate, other]
}
