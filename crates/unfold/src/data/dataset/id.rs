//! What data calls a picture or a question: a number or a name.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A number or a name, as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::data) struct Id(pub(in crate::data) String);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Id, D::Error> {
        struct NumberOrName;
        impl Visitor<'_> for NumberOrName {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a name")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Id, E> {
                Ok(Id(number.to_string()))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Id, E> {
                Ok(Id(name.to_owned()))
            }
        }
        from.deserialize_any(NumberOrName)
    }
}
