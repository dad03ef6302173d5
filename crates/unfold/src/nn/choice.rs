//! Settings that a recipe may give by kind alone: `optimizer = "adamw"` beside
//! `optimizer = { kind = "adamw", beta2 = 0.98 }`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// A choice that is written as a table with a `kind`.
pub(crate) trait Choice: Sized {
    /// What is chosen, for error messages: "an optimizer".
    const WHAT: &'static str;

    /// Reads the table.
    fn from_table<'de, D: Deserializer<'de>>(table: D) -> Result<Self, D::Error>;
}

/// Reads a kind or a table with one.
pub(crate) fn kind_or_table<'de, T: Choice, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    struct Either<T>(PhantomData<T>);

    impl<'de, T: Choice> Visitor<'de> for Either<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "the kind of {}, or a table with it", T::WHAT)
        }

        fn visit_str<E: Error>(self, kind: &str) -> Result<T, E> {
            let pair = std::iter::once(("kind", kind));
            T::from_table(MapDeserializer::new(pair))
        }

        fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<T, A::Error> {
            T::from_table(MapAccessDeserializer::new(table))
        }
    }

    deserializer.deserialize_any(Either(PhantomData))
}
