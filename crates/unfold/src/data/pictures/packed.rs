//! Pictures that lie many to a file: in IDX and Parquet files. Each is called by its file and its number there, from 1.

use std::path::Path;
use std::sync::Arc;

use super::idx_files;
use super::set::{Content, Entry, Name, Origin, PictureSet};
use super::tables;
use crate::data::files::{File, Files, split_part};
use crate::data::format::Format;
use crate::data::glob::matches;
use crate::data::store::{Place, Store};
use crate::error::{Error, Result};

/// What a picture of such a file is called inside DATA: `test-4` for the fourth of `t10k-images-idx3-ubyte` and of
/// `test-00000-of-00001.parquet`.
pub(super) fn member(file: &str, number: usize) -> String {
    match stem(file) {
        "" => number.to_string(),
        stem => format!("{}-{number}", stem.replace("t10k", "test")),
    }
}

/// The path of a file without what all such files are called.
fn stem(file: &str) -> &str {
    let name = file.rfind('/').map_or(0, |slash| slash + 1);
    if let (true, Some(at)) = (idx_files::is_images(file), file[name..].find("images")) {
        return file[..name + at].trim_end_matches(['-', '.', '_']);
    }
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    match stem.rsplit_once("-of-") {
        Some((shard, "00001")) => shard.strip_suffix("-00000").unwrap_or(shard),
        Some((shard, _)) => shard,
        None => stem,
    }
}

/// The pictures in such files of DATA, or those that what follows a `#` selects by name or number, without their classes. Nothing
/// where there is no such file.
///
/// # Errors
/// When one cannot be read, or none of its pictures is called so.
pub(super) fn open(path: &Path) -> Result<Option<PictureSet>> {
    let (path, part) = split_part(path);
    let Ok(files) = Files::<Place>::gather(&path, None, "pictures") else {
        return Ok(None); // what is wrong with it was told already
    };
    let Files {
        name,
        files,
        shared: mut store,
        ..
    } = files;
    let mut all = Vec::new();
    for file in &files {
        all.extend(pictures(&name, file, &mut store)?);
    }
    let Some(last) = all.last().map(|(name, _)| name.clone()) else {
        return Ok(None);
    };
    let first = all[0].0.clone();
    let selected = |called: &str| {
        let last = called.rsplit('/').next().unwrap_or(called);
        let number = last.rsplit('-').next().unwrap_or(last);
        let part = part.as_deref();
        part.is_none_or(|part| {
            [called, last, number]
                .iter()
                .any(|name| matches(part, name))
        })
    };
    all.retain(|(called, _)| selected(called));
    if all.is_empty() {
        let problem = format!("holds no picture `{}`", part.unwrap_or_default());
        let remedy = format!("they are called {first} to {last}");
        return Err(Error::data(name, problem, remedy));
    }
    let origin = Arc::new(Origin { data: name, store });
    let entries = all.into_iter().map(|(called, content)| Entry {
        origin: Arc::clone(&origin),
        name: Name::File(called),
        content,
        label: 0,
    });
    Ok(Some(PictureSet {
        entries: entries.collect(),
    }))
}

/// The pictures of a file, each with what it is called; none where it is of another kind.
fn pictures(data: &str, file: &File<Place>, store: &mut Store) -> Result<Vec<(String, Content)>> {
    let contents: Vec<Option<Content>> = if idx_files::is_images(&file.path) {
        let (place, idx) = idx_files::opened(store, data, file)?;
        let [pictures, height, width] = idx.shape[..] else {
            let problem = format!("has {} axes, pictures have 3", idx.shape.len());
            let remedy = "check that the file has the right name";
            return Err(Error::data(place, problem, remedy));
        };
        let shape = [pictures, height, width];
        idx_files::kept(idx, shape, &place, store)?
            .map(Some)
            .collect()
    } else if Format::by_name(&file.path) == Some(Format::Parquet) {
        let place = format!("{data}, {}", file.path);
        let found = tables::embedded(&place, &file.bytes, store, None)?;
        let pictures = found.map_or(Vec::new(), |found| found.pictures);
        let encoded = |range| Content::Encoded(Place::Store(range));
        pictures
            .into_iter()
            .map(|range| range.map(encoded))
            .collect()
    } else {
        Vec::new()
    };
    let numbered = contents.into_iter().zip(1..);
    Ok(numbered
        .filter_map(|(content, number)| Some((member(&file.path, number), content?)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::member;

    #[test]
    fn pictures_are_called_by_file_and_number() {
        for (file, called) in [
            ("t10k-images-idx3-ubyte", "test-4"),
            ("mnist/train-images.idx3-ubyte", "mnist/train-4"),
            ("images-idx3-ubyte", "4"),
            ("photos.parquet", "photos-4"),
            ("data/test-00000-of-00001.parquet", "data/test-4"),
            ("data/train-00002-of-00005.parquet", "data/train-00002-4"),
        ] {
            assert_eq!(member(file, 4), called, "{file}");
        }
    }
}
