//! Sizes along both axes of a picture, and paddings, as recipes write them.

use std::fmt;

use serde::de::{Error, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A size down and across: `3` for both, or `[3, 5]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair(pub [usize; 2]);

impl Pair {
    /// The same down and across.
    pub fn both(size: usize) -> Pair {
        Pair([size; 2])
    }

    /// 0 down and across.
    pub fn none() -> Pair {
        Pair::both(0)
    }

    /// 1 down and across.
    pub fn one() -> Pair {
        Pair::both(1)
    }
}

/// Pixels around a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// `"same"`: as much as gives one output for each `stride` pixels, rounded up; as evenly as can be, the odd pixel
    /// after the picture. So TensorFlow has it, and PyTorch, which knows it for stride 1 alone. With a larger stride it depends on
    /// the size of the picture.
    Same,
    /// Above, below, left and right: `1` for all four, `[1, 2]` for down and across, `[[0, 1], [0, 1]]` for each side.
    Pixels([[usize; 2]; 2]),
}

impl Padding {
    /// The same on all sides.
    pub fn all(pixels: usize) -> Padding {
        Padding::Pixels([[pixels; 2]; 2])
    }
}

impl Default for Padding {
    fn default() -> Padding {
        Padding::all(0)
    }
}

impl Serialize for Pair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            [down, across] if down == across => down.serialize(serializer),
            both => both.serialize(serializer),
        }
    }
}

impl Serialize for Padding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Padding::Same => serializer.serialize_str("same"),
            Padding::Pixels([[above, below], [left, right]]) if above == below && left == right => {
                Pair([above, left]).serialize(serializer)
            }
            Padding::Pixels(sides) => sides.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pair, D::Error> {
        struct Form;

        impl<'de> Visitor<'de> for Form {
            type Value = Pair;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or two for down and across")
            }

            fn visit_u64<E: Error>(self, size: u64) -> Result<Pair, E> {
                whole(size, &self).map(Pair::both)
            }

            fn visit_i64<E: Error>(self, size: i64) -> Result<Pair, E> {
                signed(size, &self).map(Pair::both)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Pair, A::Error> {
                two(&mut all, &self).map(Pair)
            }
        }

        deserializer.deserialize_any(Form)
    }
}

impl<'de> Deserialize<'de> for Padding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Padding, D::Error> {
        struct Form;

        impl<'de> Visitor<'de> for Form {
            type Value = Padding;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"same\", a whole number, or two for down and across")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Padding, E> {
                match text {
                    "same" => Ok(Padding::Same),
                    _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }

            fn visit_u64<E: Error>(self, size: u64) -> Result<Padding, E> {
                whole(size, &self).map(Padding::all)
            }

            fn visit_i64<E: Error>(self, size: i64) -> Result<Padding, E> {
                signed(size, &self).map(Padding::all)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Padding, A::Error> {
                let sides: [Pair; 2] = two(&mut all, &self)?;
                Ok(Padding::Pixels(sides.map(|Pair(side)| side)))
            }
        }

        deserializer.deserialize_any(Form)
    }
}

fn whole<E: Error>(size: u64, form: &dyn serde::de::Expected) -> Result<usize, E> {
    let wrong = |_| E::invalid_value(Unexpected::Unsigned(size), form);
    usize::try_from(size).map_err(wrong)
}

fn signed<E: Error>(size: i64, form: &dyn serde::de::Expected) -> Result<usize, E> {
    let wrong = |_| E::invalid_value(Unexpected::Signed(size), form);
    usize::try_from(size).map_err(wrong)
}

/// A list of two.
fn two<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(
    all: &mut A,
    form: &dyn serde::de::Expected,
) -> Result<[T; 2], A::Error> {
    let wrong = |count| A::Error::invalid_length(count, form);
    let first = all.next_element()?.ok_or_else(|| wrong(0))?;
    let second = all.next_element()?.ok_or_else(|| wrong(1))?;
    match all.next_element::<T>()? {
        None => Ok([first, second]),
        Some(_) => Err(wrong(3)),
    }
}
