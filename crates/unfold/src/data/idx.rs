//! IDX, the format of MNIST (LeCun, Bottou, Bengio and Haffner 1998): two zero bytes, the kind of number, how many
//! axes, each axis' length as four bytes with the highest first, then the numbers.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::files::damaged;
use super::missing;
use super::unpack::{MOST_BYTES, unpacked};
use crate::error::{Error, Result};

/// Bytes in the shape that an IDX file gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// The length of each axis.
    pub shape: Vec<usize>,
    /// The values, the last axis running fastest.
    pub values: Vec<u8>,
}

/// Grey pictures of one size, each with its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GreyPictures {
    /// Rows of a picture, H.
    pub height: usize,
    /// Columns of a picture, W.
    pub width: usize,
    /// The pictures one after the other, `[N, H, W]`: 0 is the background.
    pub pixels: Vec<u8>,
    /// The class of each, `[N]`.
    pub labels: Vec<u8>,
}

/// MNIST, or a set of the same form such as Fashion-MNIST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mnist {
    /// The 60,000 pictures to learn from.
    pub train: GreyPictures,
    /// The 10,000 pictures to measure on.
    pub test: GreyPictures,
}

/// The only kind of number that is read: bytes without a sign.
const UNSIGNED_BYTES: u8 = 8;

/// Reads an IDX file of bytes, packed (gzip, xz, zstd) or not.
///
/// # Errors
/// When the file cannot be read, is no IDX file of bytes, or holds fewer or more values than its
/// head says.
pub fn read_idx(path: &Path) -> Result<Idx> {
    let file = File::open(path).map_err(|error| missing::explain(path, &error))?;
    parse(BufReader::new(file), &path.display().to_string())
}

/// Reads an IDX file of bytes from a stream, packed or not; `name` is for messages.
///
/// # Errors
/// As [`read_idx`].
pub(super) fn parse(stream: impl BufRead, name: &str) -> Result<Idx> {
    let opened = open(stream, name)?;
    let shape = opened.shape.clone();
    let mut values = Vec::new();
    // Memory grows with what is there, not with what the head says.
    opened.values(|stream| {
        let read = stream.read_to_end(&mut values);
        read.map(|read| read as u64)
            .map_err(|error| damaged(&name, &error))
    })?;
    Ok(Idx { shape, values })
}

/// An IDX file whose head is read, and whose values are still to come.
pub(super) struct Opened<'a> {
    /// The length of each axis.
    pub(super) shape: Vec<usize>,
    name: String,
    count: u64,
    stream: Box<dyn Read + 'a>,
}

/// Reads the head of an IDX file of bytes from a stream, packed or not; `name` is for messages.
///
/// # Errors
/// When the stream cannot be read, or is no IDX file of bytes.
pub(super) fn open<'a>(stream: impl BufRead + 'a, name: &str) -> Result<Opened<'a>> {
    let mut stream = unpacked(stream).map_err(|error| damaged(&name, &error))?;
    let mut head = [0; 4];
    fill(&mut stream, &mut head, name)?;
    if head[..2] != [0, 0] || head[2] != UNSIGNED_BYTES || !(1..=4).contains(&head[3]) {
        return Err(Error::data(
            name,
            format!("begins with the bytes {head:?}, which is no IDX file of bytes"),
            "an IDX file of pictures begins with [0, 0, 8, 3], one of labels with [0, 0, 8, 1]",
        ));
    }
    let mut shape = Vec::with_capacity(head[3].into());
    for _ in 0..head[3] {
        let mut length = [0; 4];
        fill(&mut stream, &mut length, name)?;
        shape.push(u32::from_be_bytes(length) as usize);
    }
    let count = shape
        .iter()
        .try_fold(1_u64, |product, &axis| product.checked_mul(axis as u64))
        .filter(|&count| count <= MOST_BYTES)
        .ok_or_else(|| {
            let problem = format!("says that it holds {shape:?} values, more than is read");
            Error::data(name, problem, "the file is damaged: fetch it again")
        })?;
    Ok(Opened {
        shape,
        name: name.to_owned(),
        count,
        stream,
    })
}

impl Opened<'_> {
    /// The values, which `keep` reads to their end and counts.
    ///
    /// # Errors
    /// Those of `keep`, and when there are fewer or more values than the head says.
    pub(super) fn values(self, keep: impl FnOnce(&mut dyn Read) -> Result<u64>) -> Result<()> {
        let Opened {
            shape,
            name,
            count,
            stream,
        } = self;
        // One byte more would be one too many.
        let found = keep(&mut stream.take(count + 1))?;
        if found == count {
            return Ok(());
        }
        let found = match found > count {
            true => "more".to_owned(),
            false => found.to_string(),
        };
        Err(Error::data(
            name,
            format!("says that it holds {shape:?}, {count} values, and holds {found}"),
            "the file is damaged: fetch it again",
        ))
    }
}

/// Reads MNIST's four files from their folder; the path of one of them will do as well.
///
/// # Errors
/// When a file is missing or [`read_idx`] cannot read it, or pictures and labels do not fit together.
pub fn read_mnist(path: &Path) -> Result<Mnist> {
    std::fs::metadata(path).map_err(|error| missing::explain(path, &error))?;
    let folder = if path.is_dir() {
        path
    } else {
        path.parent().unwrap_or(Path::new(""))
    };
    Ok(Mnist {
        train: read_pictures(folder, "train")?,
        test: read_pictures(folder, "t10k")?,
    })
}

fn read_pictures(folder: &Path, split: &str) -> Result<GreyPictures> {
    let [images, labels] = [("images", 3), ("labels", 1)].map(|(kind, axes)| {
        let path = find(folder, &format!("{split}-{kind}"), axes)?;
        let (name, idx) = (path.display().to_string(), read_idx(&path)?);
        check_axes(&name, &idx.shape, kind, axes)?;
        Ok((name, idx))
    });
    let ((images_name, images), (labels_name, labels)) = (images?, labels?);
    let [_, height, width] = fitting((&images_name, &images.shape), (&labels_name, &labels.shape))?;
    Ok(GreyPictures {
        height,
        width,
        pixels: images.values,
        labels: labels.values,
    })
}

fn check_axes(name: &str, shape: &[usize], kind: &str, axes: usize) -> Result<()> {
    if shape.len() == axes {
        return Ok(());
    }
    Err(Error::data(
        name,
        format!("has {} axes, {kind} have {axes}", shape.len()),
        "check that the file has the right name",
    ))
}

/// The shape `[N, H, W]` of pictures that fit their labels, of two files' names and shapes.
///
/// # Errors
/// When they do not fit together.
pub(super) fn fitting(images: (&str, &[usize]), labels: (&str, &[usize])) -> Result<[usize; 3]> {
    let (name, shape) = images;
    check_axes(name, shape, "images", 3)?;
    check_axes(labels.0, labels.1, "labels", 1)?;
    let (pictures, labels) = (shape[0], labels.1[0]);
    let problem = if shape.contains(&0) {
        "holds no pictures".to_owned()
    } else if pictures != labels {
        format!("holds {pictures} pictures, but there are {labels} labels")
    } else {
        return Ok([pictures, shape[1], shape[2]]);
    };
    let remedy = "fetch the pictures and their labels again, both from one place";
    Err(Error::data(name, problem, remedy))
}

/// The file of that name, under the endings that are in use.
fn find(folder: &Path, name: &str, axes: usize) -> Result<PathBuf> {
    let endings = ["-", "."].map(|mark| format!("{name}{mark}idx{axes}-ubyte"));
    let all = || {
        endings
            .iter()
            .flat_map(|name| [name.clone(), format!("{name}.gz")])
    };
    all()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            Error::data(
                folder.display(),
                format!("holds no {} (or .gz)", endings[0]),
                "name a folder with MNIST's four files: train-images, train-labels, t10k-images, t10k-labels",
            )
        })
}

/// Reads the next bytes of a file's head.
fn fill(stream: &mut impl Read, into: &mut [u8], name: &str) -> Result<()> {
    stream.read_exact(into).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => Error::data(
            name,
            "ends within the head of an IDX file",
            "the file is damaged: fetch it again",
        ),
        _ => damaged(&name, &error),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// Reads `bytes` as a file.
    fn read(bytes: &[u8]) -> Result<Idx> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some-idx");
        std::fs::write(&path, bytes).unwrap();
        read_idx(&path)
    }

    fn idx(shape: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, shape.len() as u8];
        shape
            .iter()
            .for_each(|axis| bytes.extend(axis.to_be_bytes()));
        bytes.extend(values);
        bytes
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn plain_and_packed_files_are_read() {
        let bytes = idx(&[2, 1, 3], &[1, 2, 3, 4, 5, 6]);
        let expected = Idx {
            shape: vec![2, 1, 3],
            values: vec![1, 2, 3, 4, 5, 6],
        };
        assert_eq!(read(&bytes).unwrap(), expected);
        assert_eq!(read(&packed(&bytes)).unwrap(), expected);
    }

    #[test]
    fn whatever_is_wrong_is_told() {
        let huge = idx(&[u32::MAX, u32::MAX, u32::MAX], &[0; 9]);
        let mut torn = packed(&idx(&[4], &[1, 2, 3, 4]));
        torn.truncate(torn.len() - 9);
        let cases: [(&[u8], &str); 8] = [
            (b"", "ends within the head"),
            (&[0, 0, 8, 3, 0, 0], "ends within the head"),
            (b"\x89PNG, not IDX", "no IDX file of bytes"),
            (&[0, 0, 13, 1, 0, 0, 0, 1], "no IDX file of bytes"),
            (&idx(&[3], &[1, 2]), "3 values, and holds 2"),
            (&idx(&[3], &[1, 2, 3, 4]), "3 values, and holds more"),
            (&huge, "more than is read"),
            (&torn, "some-idx"),
        ];
        for (bytes, expected) in cases {
            let message = read(bytes).unwrap_err().to_string();
            assert!(message.contains(expected), "{expected}: {message}");
        }
    }

    #[test]
    fn pictures_and_labels_must_fit() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        };
        let said = || read_mnist(folder.path()).unwrap_err().to_string();
        put("train-images-idx3-ubyte", &idx(&[2, 1, 2], &[1, 2, 3, 4]));
        assert!(said().contains("train-labels-idx1-ubyte"), "{}", said());
        put("train-labels-idx1-ubyte", &idx(&[3], &[0, 1, 2]));
        assert!(
            said().contains("2 pictures, but there are 3 labels"),
            "{}",
            said()
        );
        put("train-labels-idx1-ubyte", &idx(&[2], &[0, 1]));
        put("t10k-images.idx3-ubyte", &idx(&[1, 2], &[1, 2]));
        assert!(said().contains("has 2 axes"), "{}", said());
        put("t10k-images.idx3-ubyte", &idx(&[1, 1, 2], &[5, 6]));
        put("t10k-labels-idx1-ubyte.gz", &packed(&idx(&[1], &[9])));
        let mnist = read_mnist(&folder.path().join("train-images-idx3-ubyte")).unwrap();
        assert_eq!(
            (mnist.test.pixels, mnist.test.labels),
            (vec![5, 6], vec![9])
        );
        assert_eq!((mnist.train.height, mnist.train.width), (1, 2));
    }
}
