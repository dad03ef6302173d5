//! Named lists of numbers and a JSON header in one `.safetensors` file: the form of models and
//! checkpoints. Reading runs no code and trusts no size.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::thread;

use half::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata, TensorView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use unfold_kernels::Buffer;

use crate::error::{Error, Result};
use crate::files::write_atomic;

/// Where the header stands among the file's metadata.
const HEADER: &str = "unfold";

/// What stands there. One entry alone: the order of several is random in the file, and files of
/// equal content must be equal.
#[derive(Serialize, Deserialize)]
struct Sealed<H> {
    /// The CRC-32 of header and tensors.
    crc32: String,
    header: H,
}

/// The tensors of a file.
#[derive(Clone, Debug)]
pub struct Stored {
    /// All values, one tensor after the other, row-major each.
    pub values: Buffer<f32>,
    /// Where each tensor lies among the values, and its extents, by its name.
    pub places: HashMap<String, Place>,
}

/// Where a tensor lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its values among all.
    pub range: Range<usize>,
    /// Its extents.
    pub shape: Vec<usize>,
}

impl Stored {
    /// The values of a tensor, if there is one of that name.
    pub fn get(&self, name: &str) -> Option<&[f32]> {
        let place = self.places.get(name)?;
        Some(&self.values[place.range.clone()])
    }
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

fn damaged(path: &Path, problem: String) -> Error {
    Error::model(
        path.display(),
        problem,
        "the file is damaged or was made by something else; copy it again or train again",
    )
}

/// The error for a file that does not read on.
fn unread(path: &Path, error: &std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => damaged(path, "not a whole safetensors file".into()),
        _ => Error::io(path, "read", error),
    }
}

/// What the header is not of the expected form for.
fn misread(path: &Path, error: &serde_json::Error) -> Error {
    let problem = format!("its header cannot be understood ({error})");
    damaged(path, problem)
}

/// Opens a file and reads what it says of its tensors, which lie from the file's position on.
fn begin(path: &Path) -> Result<(File, Metadata)> {
    let unread = |error: std::io::Error| unread(path, &error);
    let cut = || damaged(path, "not a whole safetensors file".into());
    let mut file = File::open(path).map_err(unread)?;
    let mut left = file.metadata().map_err(unread)?.len();
    let mut size = [0; 8];
    file.read_exact(&mut size).map_err(unread)?;
    let size = u64::from_le_bytes(size);
    left = left.checked_sub(8).ok_or_else(cut)?;
    left = left.checked_sub(size).ok_or_else(cut)?;
    let mut metadata = vec![0; usize::try_from(size).map_err(|_| cut())?];
    file.read_exact(&mut metadata).map_err(unread)?;
    let metadata: Metadata = serde_json::from_slice(&metadata)
        .map_err(|error| damaged(path, format!("not a whole safetensors file ({error})")))?;
    if metadata.data_len() as u64 != left {
        return Err(cut());
    }
    Ok((file, metadata))
}

/// The header as the file has it, with its seal.
fn header_of<'a>(path: &Path, metadata: &'a Metadata) -> Result<&'a str> {
    let all = metadata.metadata().as_ref();
    let header = all.and_then(|all| all.get(HEADER)).map(String::as_str);
    header.ok_or_else(|| {
        let remedy = "weights that PyTorch stored become a model with `unfold import`; any other file is damaged: copy it again \
                      or train again";
        Error::model(path.display(), "has no `unfold` header", remedy)
    })
}

/// Reads the header of `path` alone, without its tensors and so without its checksum.
///
/// # Errors
/// As [`read`].
pub fn header<H: DeserializeOwned>(path: &Path) -> Result<H> {
    let (_, metadata) = begin(path)?;
    let sealed: Sealed<H> =
        serde_json::from_str(header_of(path, &metadata)?).map_err(|error| misread(path, &error))?;
    Ok(sealed.header)
}

/// Reads the header and all tensors of `path`.
///
/// # Errors
/// When the file cannot be read, is damaged or cut off, or its header is not of this form.
pub fn read<H: DeserializeOwned>(path: &Path) -> Result<(H, Stored)> {
    let (mut file, metadata) = begin(path)?;
    let (sealed, places) = (header_of(path, &metadata)?, places(path, &metadata)?);
    // No longer than the file, whatever it says.
    let mut values = Buffer::<f32>::scratch(metadata.data_len() / 4);
    // Both weights and what is said of them, such as a vocabulary, may be long: they are read side by side.
    let (read, said) = thread::scope(|scope| {
        let reading = scope.spawn(|| file.read_exact(values.bytes_mut()));
        let said = serde_json::from_str(sealed).map(|sealed: Sealed<&RawValue>| {
            let header = serde_json::from_str(sealed.header.get());
            (sealed, header)
        });
        (reading.join().expect("reading does not panic"), said)
    });
    read.map_err(|error| unread(path, &error))?;
    let misread = |error| misread(path, &error);
    let (sealed, header) = said.map_err(misread)?;
    let parts = places.iter().map(|(name, Place { range, shape })| {
        let bytes = &values.bytes()[4 * range.start..4 * range.end];
        (name.as_str(), &shape[..], bytes)
    });
    if checksum(sealed.header.get(), parts) != sealed.crc32 {
        let problem = "its content does not fit its checksum";
        return Err(damaged(path, problem.into()));
    }
    if cfg!(target_endian = "big") {
        for value in values.iter_mut() {
            *value = f32::from_bits(u32::from_le(value.to_bits()));
        }
    }
    Ok((header.map_err(misread)?, Stored { values, places }))
}

/// Where each tensor lies.
fn places(path: &Path, metadata: &Metadata) -> Result<HashMap<String, Place>> {
    let mut places = HashMap::new();
    for name in metadata.offset_keys() {
        let info = metadata.info(&name).expect("a key");
        if info.dtype != Dtype::F32 {
            let problem = format!("tensor `{name}` is {:?}, expected F32", info.dtype);
            return Err(damaged(path, problem));
        }
        let (from, to) = info.data_offsets;
        let place = Place {
            range: from / 4..to / 4,
            shape: info.shape.clone(),
        };
        places.insert(name, place);
    }
    Ok(places)
}

/// A safetensors file of any program, with nothing in it for this one: tensors by name, each read when it is asked for.
pub struct Foreign {
    path: PathBuf,
    file: File,
    /// Where the tensors begin.
    start: u64,
    metadata: Metadata,
}

impl Foreign {
    /// Opens a file and reads what it says of its tensors.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged or cut off.
    pub fn open(path: &Path) -> Result<Foreign> {
        let (mut file, metadata) = begin(path)?;
        let start = file
            .stream_position()
            .map_err(|error| unread(path, &error))?;
        Ok(Foreign {
            path: path.to_path_buf(),
            file,
            start,
            metadata,
        })
    }

    /// The names of all tensors.
    pub fn names(&self) -> Vec<String> {
        self.metadata.offset_keys()
    }

    /// The extents of a tensor, if there is one of that name.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        Some(&self.metadata.info(name)?.shape)
    }

    /// The values of a tensor, row-major; those of 16 bits (F16, BF16) are widened, which changes none.
    ///
    /// # Errors
    /// When there is no such tensor, it is of other numbers, or the file cannot be read.
    pub fn read(&mut self, name: &str) -> Result<Vec<f32>> {
        let refuse = |problem: String, remedy: &str| {
            let path = self.path.display();
            Err(Error::model(path, problem, remedy))
        };
        let Some(info) = self.metadata.info(name) else {
            return refuse(format!("there is no tensor `{name}`"), "");
        };
        if !matches!(info.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) {
            let problem = format!(
                "tensor `{name}` is {:?}, expected F32, F16 or BF16",
                info.dtype
            );
            return refuse(problem, "store it in 32 bits");
        }
        let (from, to) = info.data_offsets;
        let unread = |error: std::io::Error| unread(&self.path, &error);
        let place = SeekFrom::Start(self.start + from as u64);
        self.file.seek(place).map_err(unread)?;
        // No longer than the file, whatever it says.
        let mut bytes = vec![0; to - from];
        self.file.read_exact(&mut bytes).map_err(unread)?;
        let pairs = bytes.chunks_exact(2).map(|v| [v[0], v[1]]);
        Ok(match info.dtype {
            Dtype::F16 => pairs.map(|v| f16::from_le_bytes(v).to_f32()).collect(),
            Dtype::BF16 => pairs.map(|v| bf16::from_le_bytes(v).to_f32()).collect(),
            _ => {
                let values = bytes.chunks_exact(4);
                let value = |v: &[u8]| f32::from_le_bytes([v[0], v[1], v[2], v[3]]);
                values.map(value).collect()
            }
        })
    }
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
            (header.as_str(), tensors.get("w")),
            ("a header", Some(&values[..]))
        );
        let whole = std::fs::read(&path).unwrap();
        for bit in 0..8 * whole.len() {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &flipped).unwrap();
            // A flip may leave the JSON around the header another spelling of the same thing.
            if let Ok((header, tensors)) = read::<String>(&path) {
                assert_eq!(
                    (header.as_str(), tensors.get("w")),
                    ("a header", Some(&values[..]))
                );
            }
        }
        for end in 0..whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            assert!(read::<String>(&path).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn every_number_of_16_bits_is_read_as_the_standards_say() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("foreign");
        let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        let tensor = |dtype| TensorView::new(dtype, vec![1 << 16], &bytes).unwrap();
        let tensors = [("f16", tensor(Dtype::F16)), ("bf16", tensor(Dtype::BF16))];
        let file = safetensors::serialize(tensors, None::<HashMap<String, String>>);
        std::fs::write(&path, file.unwrap()).unwrap();
        let mut file = Foreign::open(&path).unwrap();
        // Bits of the exponent and of what comes after it.
        for (name, e, m) in [("f16", 5, 10), ("bf16", 8, 7)] {
            for (bits, wide) in (0..=u16::MAX).zip(file.read(name).unwrap()) {
                let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
                let exponent = i32::from(bits >> m) & ((1 << e) - 1);
                let rest = f64::from(bits & ((1 << m) - 1)) / f64::from(1 << m);
                let (bias, last) = ((1 << (e - 1)) - 1, (1 << e) - 1);
                let size = match exponent {
                    0 => 2f64.powi(1 - bias) * rest,
                    _ if exponent < last => 2f64.powi(exponent - bias) * (1.0 + rest),
                    _ if rest == 0.0 => f64::INFINITY,
                    _ => f64::NAN,
                };
                let (said, wide) = (sign * size, f64::from(wide));
                let same = said.to_bits() == wide.to_bits() || (said.is_nan() && wide.is_nan());
                assert!(same, "{name} {bits:#06x}: {wide}, not {said}");
            }
        }
    }
}
