//! Settings that a recipe may give by name alone: `optimizer = "adamw"` beside
//! `optimizer = { name = "adamw", beta2 = 0.98 }`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// A choice that is written as a table with a `name`.
pub(crate) trait Named: Sized {
    /// What is chosen, for error messages: "an optimizer".
    const WHAT: &'static str;

    /// Reads the table.
    fn from_table<'de, D: Deserializer<'de>>(table: D) -> Result<Self, D::Error>;
}

/// Reads a name or a table with a name.
pub(crate) fn name_or_table<'de, T: Named, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    struct Either<T>(PhantomData<T>);

    impl<'de, T: Named> Visitor<'de> for Either<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "the name of {0}, or a table with the name of {0}", T::WHAT)
        }

        fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
            let pair = std::iter::once(("name", name));
            T::from_table(MapDeserializer::new(pair))
        }

        fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<T, A::Error> {
            T::from_table(MapAccessDeserializer::new(table))
        }
    }

    deserializer.deserialize_any(Either(PhantomData))
}
