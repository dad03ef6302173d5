//! Named lists of numbers and a JSON header in one `.safetensors` file: the form of models and
//! checkpoints. Reading runs no code and trusts no size.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::error::{Error, Result};
use crate::files::write_atomic;

/// Where the header stands among the file's metadata.
const HEADER: &str = "unfold";

/// What stands there. One entry alone: the order of several is random in the file, and files of
/// equal content must be equal.
#[derive(Serialize, Deserialize)]
struct Sealed {
    /// The CRC-32 of header and tensors.
    crc32: String,
    header: Box<RawValue>,
}

/// One named tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// Its extents.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// Writes `header` and `tensors` (name, shape, values) to `path`, all or nothing.
///
/// # Errors
/// When the system cannot write; an earlier file is then untouched.
pub fn write<'a>(
    path: &Path,
    header: &impl Serialize,
    tensors: impl IntoIterator<Item = (String, Vec<usize>, &'a [f32])>,
) -> Result<()> {
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .into_iter()
        .map(|(name, shape, values)| {
            let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            (name, shape, bytes)
        })
        .collect();
    let header = to_raw_value(header).expect("a header is plain data");
    let parts = bytes.iter().map(|(n, s, b)| (n.as_str(), &s[..], &b[..]));
    let crc32 = checksum(header.get(), parts);
    let sealed = serde_json::to_string(&Sealed { crc32, header }).expect("plain data");
    let views = bytes.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        (name, view.expect("as many values as the shape says"))
    });
    let metadata = HashMap::from([(HEADER.to_string(), sealed)]);
    let file = safetensors::serialize(views, Some(metadata)).expect("views are consistent");
    write_atomic(path, &file)
}

/// Reads the header and all tensors of `path`.
///
/// # Errors
/// When the file cannot be read, is damaged or cut off, or its header is not of this form.
pub fn read<H: DeserializeOwned>(path: &Path) -> Result<(H, HashMap<String, Named>)> {
    let bytes = std::fs::read(path).map_err(|error| Error::io(path, "read", &error))?;
    let damaged = |problem: String| {
        Error::model(
            path.display(),
            problem,
            "the file is damaged or was made by something else; copy it again or train again",
        )
    };
    let (_, metadata) = SafeTensors::read_metadata(&bytes)
        .map_err(|error| damaged(format!("not a whole safetensors file ({error})")))?;
    let Some(sealed) = metadata.metadata().as_ref().and_then(|m| m.get(HEADER)) else {
        return Err(damaged("has no `unfold` header".into()));
    };
    let misread = |error| damaged(format!("its header cannot be understood ({error})"));
    let sealed: Sealed = serde_json::from_str(sealed).map_err(misread)?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|error| damaged(format!("not a whole safetensors file ({error})")))?;
    let views: Vec<_> = file.iter().collect();
    let parts = views
        .iter()
        .map(|(n, view)| (*n, view.shape(), view.data()));
    if checksum(sealed.header.get(), parts) != sealed.crc32 {
        return Err(damaged("its content does not fit its checksum".into()));
    }
    let header = serde_json::from_str(sealed.header.get()).map_err(misread)?;
    let mut tensors = HashMap::new();
    for (name, view) in views {
        if view.dtype() != Dtype::F32 {
            return Err(damaged(format!(
                "tensor `{name}` is {:?}, expected F32",
                view.dtype()
            )));
        }
        let words = view.data().chunks_exact(4);
        let values = words.map(|w| f32::from_le_bytes([w[0], w[1], w[2], w[3]]));
        let named = Named {
            shape: view.shape().to_vec(),
            values: values.collect(),
        };
        tensors.insert(name.to_string(), named);
    }
    Ok((header, tensors))
}

/// The CRC-32 of the header and of all tensors by name: every single flipped bit shows.
fn checksum<'a>(
    json: &str,
    tensors: impl Iterator<Item = (&'a str, &'a [usize], &'a [u8])>,
) -> String {
    let mut tensors: Vec<_> = tensors.collect();
    tensors.sort_unstable();
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(json.as_bytes());
    for (name, shape, bytes) in tensors {
        hasher.update(name.as_bytes());
        hasher.update(format!("{shape:?}").as_bytes());
        hasher.update(bytes);
    }
    format!("{:08x}", hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_shows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        let values = [1.0, -2.5, 3.25];
        write(
            &path,
            &"a header",
            [("w".to_string(), vec![3], &values[..])],
        )
        .unwrap();
        let (header, tensors) = read::<String>(&path).unwrap();
        assert_eq!(
            (header.as_str(), &tensors["w"].values[..]),
            ("a header", &values[..])
        );
        let whole = std::fs::read(&path).unwrap();
        for bit in 0..8 * whole.len() {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &flipped).unwrap();
            // A flip may leave the JSON around the header another spelling of the same thing.
            if let Ok((header, tensors)) = read::<String>(&path) {
                assert_eq!(
                    (header.as_str(), &tensors["w"].values[..]),
                    ("a header", &values[..])
                );
            }
        }
        for end in 0..whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            assert!(read::<String>(&path).is_err(), "cut at {end}");
        }
    }
}
