//! Learning a byte-level pair encoding from text.

use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{
    DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, TokenizerBuilder,
};

use super::TokenConfig;
use super::encoder::Reader;
use crate::error::{Error, Result};

/// Pieces to learn when the configuration does not say.
const USUAL: usize = 8192;
/// At most so many bytes of text are learned from.
const LOOK_AT: usize = 64 << 20;

/// Learns at most `max_size` pieces, the 256 bytes among them, and gives a `tokenizer.json`.
pub(super) fn train(read: &mut Reader<'_>, config: &TokenConfig) -> Result<String> {
    let size = match config.max_size {
        0 => USUAL,
        size => size,
    };
    let mut texts = Vec::new();
    let mut room = LOOK_AT;
    read(&mut |text| {
        if room > 0 {
            room = room.saturating_sub(text.len());
            texts.push(text.to_owned());
        }
        Ok(())
    })?;
    let bytes = || ByteLevel::new(false, true, true);
    let mut trainer = BpeTrainer::builder()
        .vocab_size(size)
        .min_frequency(config.min_count.max(2) as u64)
        .show_progress(false)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    let unlearned =
        |error: tokenizers::Error| Error::data("vocabulary", error.to_string(), "give more text");
    let mut tokenizer = TokenizerBuilder::<
        BPE,
        NormalizerWrapper,
        PreTokenizerWrapper,
        PostProcessorWrapper,
        DecoderWrapper,
    >::new()
    .with_model(BPE::default())
    .with_pre_tokenizer(Some(bytes().into()))
    .with_decoder(Some(bytes().into()))
    .build()
    .map_err(unlearned)?;
    tokenizer
        .train(&mut trainer, texts.into_iter())
        .map_err(unlearned)?;
    tokenizer.to_string(false).map_err(unlearned)
}
