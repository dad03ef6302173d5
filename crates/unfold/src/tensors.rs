//! Named lists of numbers and a JSON header in one `.safetensors` file: the form of models and
//! checkpoints. Reading runs no code and trusts no size.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::files::write_atomic;

/// Where the header stands among the file's metadata.
const HEADER: &str = "unfold";

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
    let views = bytes.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        (name, view.expect("as many values as the shape says"))
    });
    let json = serde_json::to_string(header).expect("a header is plain data");
    let metadata = HashMap::from([(HEADER.to_string(), json)]);
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
    let Some(json) = metadata.metadata().as_ref().and_then(|m| m.get(HEADER)) else {
        return Err(damaged("has no `unfold` header".into()));
    };
    let header = serde_json::from_str(json)
        .map_err(|error| damaged(format!("its header cannot be understood ({error})")))?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|error| damaged(format!("not a whole safetensors file ({error})")))?;
    let mut tensors = HashMap::new();
    for (name, view) in file.iter() {
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
