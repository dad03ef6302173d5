//! Gzip, zstd and xz, recognised by their first bytes and undone while reading.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;

/// Everything read from one DATA may be this large when unpacked: a damaged or hostile file of a
/// few bytes can otherwise unpack to any size.
pub(super) const MOST_BYTES: u64 = 8 << 30;

/// Files of these kinds are recognised only to say that they are not read.
const UNREADABLE: [(&[u8], &str); 4] = [
    (b"BZh", "bzip2"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!", "RAR"),
    (b"\x1f\x9d", "compress (.Z)"),
];

/// The name of a packing that is not read, if `head` begins such a file.
pub(super) fn unreadable(head: &[u8]) -> Option<&'static str> {
    UNREADABLE
        .iter()
        .find(|(magic, _)| head.starts_with(magic))
        .map(|(_, name)| *name)
}

/// How files may be packed that are read.
const GZIP: &[u8] = b"\x1f\x8b";
const XZ: &[u8] = b"\xfd7zXZ\0";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";

/// Whether a file that begins with `head`, of six bytes or more, is packed so.
pub(super) fn is_packed(head: &[u8]) -> bool {
    [GZIP, XZ, ZSTD].iter().any(|mark| head.starts_with(mark))
}

/// Reads `packed`, unpacking it when it is packed.
pub(super) fn unpacked<'a>(mut packed: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let head = packed.fill_buf()?;
    Ok(if head.starts_with(GZIP) {
        Box::new(MultiGzDecoder::new(packed))
    } else if head.starts_with(XZ) {
        Box::new(XzReader::new(packed, true))
    } else if head.starts_with(ZSTD) {
        Box::new(Frames {
            frame: Some(Box::new(StreamingDecoder::new(packed).map_err(invalid)?)),
        })
    } else {
        Box::new(packed)
    })
}

/// `name` without the ending that says how the file is packed.
pub(super) fn without_packing(name: &str) -> &str {
    [".gz", ".gzip", ".xz", ".zst", ".zstd"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(name)
}

/// A zstd file may be several frames one after another; the decoder reads one.
struct Frames<R: Read> {
    frame: Option<Box<StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>>,
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(frame) = &mut self.frame {
            let read = frame.read(into)?;
            if read > 0 || into.is_empty() {
                return Ok(read);
            }
            let Some(frame) = self.frame.take() else {
                break;
            };
            let mut rest = frame.into_inner();
            if !rest.fill_buf()?.is_empty() {
                self.frame = Some(Box::new(StreamingDecoder::new(rest).map_err(invalid)?));
            }
        }
        Ok(0)
    }
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
