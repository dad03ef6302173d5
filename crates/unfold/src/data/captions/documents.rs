//! Captions in JSON: COCO's form (Chen et al. 2015) and that of Karpathy's splits (Karpathy and Fei-Fei 2015).

use std::collections::HashMap;

use serde::Deserialize;

use super::layout::Described;
use crate::data::dataset::{Id, Text};
use crate::data::json;
use crate::data::parts::{self, Part};
use crate::error::{Error, Result};

const EXPECTED: &str = "COCO's form, {\"images\": [{\"id\": 1, \"file_name\": \"…\"}], \"annotations\": [{\"image_id\": 1, \
                        \"caption\": \"…\"}]}, or Karpathy's, {\"images\": [{\"filename\": \"…\", \"split\": \"train\", \
                        \"sentences\": [{\"raw\": \"…\"}]}]}";

#[derive(Deserialize)]
struct Document {
    images: Option<Vec<Image>>,
    annotations: Option<Vec<Annotation>>,
}

#[derive(Deserialize)]
struct Image {
    id: Option<Id>,
    cocoid: Option<Id>,
    file_name: Option<String>,
    filename: Option<String>,
    filepath: Option<String>,
    split: Option<String>,
    sentences: Option<Vec<Sentence>>,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: Id,
    caption: String,
}

#[derive(Deserialize)]
struct Sentence {
    raw: String,
}

/// The captions in a JSON document. Where it names no images, they are called by their numbers. One in Karpathy's form that
/// gives no picture a part is added to `unsplit`.
///
/// # Errors
/// When it has neither form, or what belongs to the form is missing.
pub(super) fn read(text: &Text, unsplit: &mut Vec<String>) -> Result<Vec<Described>> {
    let document: Document = json::read_document(&text.place, &text.bytes, EXPECTED)?;
    match document {
        Document {
            images,
            annotations: Some(annotations),
        } => coco(text, images.unwrap_or_default(), annotations),
        Document {
            images: Some(images),
            annotations: None,
        } => karpathy(text, images, unsplit),
        _ => {
            let problem = "the JSON has neither `images` nor `annotations`";
            Err(Error::data(
                &text.place,
                problem,
                format!("expected is {EXPECTED}"),
            ))
        }
    }
}

fn coco(text: &Text, images: Vec<Image>, annotations: Vec<Annotation>) -> Result<Vec<Described>> {
    let mut all = Vec::with_capacity(images.len());
    let mut known: HashMap<Id, usize> = HashMap::with_capacity(images.len());
    for (place, image) in images.into_iter().enumerate() {
        let id = image.id.ok_or_else(|| lacks(text, place, "id"))?;
        let name = image.file_name.or(image.filename);
        if let Some(first) = known.insert(id.clone(), all.len()) {
            return Err(Error::data(
                format!("{}, images[{place}]", text.place),
                format!(
                    "has the `id` of images[{first}], {}: captions of either go to one",
                    id.0
                ),
                "give each picture an `id` of its own",
            ));
        }
        all.push(Described {
            name: name.ok_or_else(|| lacks(text, place, "file_name"))?,
            id: Some(id.0),
            ..Described::of(text)
        });
    }
    for Annotation { image_id, caption } in annotations {
        let place = *known.entry(image_id).or_insert_with_key(|id| {
            all.push(Described {
                name: id.0.clone(),
                id: Some(id.0.clone()),
                ..Described::of(text)
            });
            all.len() - 1
        });
        all[place].captions.push(caption);
    }
    Ok(all)
}

fn karpathy(text: &Text, images: Vec<Image>, unsplit: &mut Vec<String>) -> Result<Vec<Described>> {
    let unsaid = |image: &Image| image.split.is_none();
    match images.iter().position(unsaid) {
        None => {}
        Some(_) if images.iter().all(unsaid) => unsplit.push(text.path.clone()),
        Some(place) => return Err(lacks(text, place, "split")),
    }
    let described = |(place, image): (usize, Image)| {
        let lacks = |key| lacks(text, place, key);
        let name = image.filename.or(image.file_name);
        let name = name.ok_or_else(|| lacks("filename"))?;
        let sentences = image.sentences.ok_or_else(|| lacks("sentences"))?;
        let folder = image.filepath.filter(|folder| !folder.is_empty());
        Ok(Described {
            name: folder.map_or(name.clone(), |folder| format!("{folder}/{name}")),
            id: image.cocoid.map(|id| id.0),
            part: match image.split.as_deref() {
                None => None,
                // Karpathy trains on what is left of COCO's validation part too.
                Some("restval") => Some(Part::Train),
                Some(split) => Some(parts::of_cell(split, &place_of(text, place))?),
            },
            captions: sentences.into_iter().map(|sentence| sentence.raw).collect(),
            ..Described::of(text)
        })
    };
    images.into_iter().enumerate().map(described).collect()
}

fn place_of(text: &Text, image: usize) -> String {
    format!("{}, images[{image}]", text.place)
}

fn lacks(text: &Text, image: usize, key: &str) -> Error {
    Error::data(
        place_of(text, image),
        format!("there is no `{key}`"),
        format!("expected is {EXPECTED}"),
    )
}
