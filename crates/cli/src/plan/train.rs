//! Trainings.

use std::path::{Path, PathBuf};

use anyhow::Result;
use unfold::ErrorKind;
use unfold::tasks::Recipe;
use unfold::tasks::align::AlignRecipe;
use unfold::tasks::caption::CaptionRecipe;
use unfold::tasks::encoder::EncoderConfig;
use unfold::tasks::image::ImageRecipe;
use unfold::tasks::language::LanguageRecipe;
use unfold::tasks::recipe::line_of;
use unfold::tasks::text::TextRecipe;
use unfold::tasks::vqa::VqaRecipe;

use super::{check_data, use_kernels};
use crate::failure::unusable;
use crate::{flags, run_folder};

/// A training.
#[derive(Debug)]
pub(crate) struct Training<R> {
    pub(crate) data: String,
    pub(crate) recipe: R,
    pub(crate) out: PathBuf,
    pub(crate) resume: bool,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    /// The recipe's file, if it came from one.
    pub(crate) origin: Option<PathBuf>,
}

impl<R> Training<R> {
    /// An error about the recipe, with its file and the line there.
    pub(crate) fn located(&self, error: unfold::Error) -> unfold::Error {
        let Some(path) = self
            .origin
            .as_ref()
            .filter(|_| error.kind() == ErrorKind::Recipe)
        else {
            return error;
        };
        let text = std::fs::read_to_string(path).unwrap_or_default();
        match line_of(&text, error.place()) {
            None => error,
            Some(line) => {
                let place = format!("{}, line {line}, {}", path.display(), error.place());
                unfold::Error::new(error.kind(), place, error.problem(), error.remedy())
            }
        }
    }
}

pub(super) fn text(flags: flags::TrainText) -> Result<Training<TextRecipe>> {
    let columns = flags.columns;
    let plan = training(flags.data, flags.training, |recipe: &mut TextRecipe| {
        recipe.data.text = columns.text_column.or(recipe.data.text.take());
        recipe.data.label = columns.label_column.or(recipe.data.label.take());
    })?;
    check_vectors(&plan.recipe)?;
    Ok(plan)
}

pub(super) fn language(flags: flags::TrainLanguage) -> Result<Training<LanguageRecipe>> {
    training(flags.data, flags.training, |_: &mut LanguageRecipe| {})
}

pub(super) fn image(flags: flags::TrainImage) -> Result<Training<ImageRecipe>> {
    let (from, freeze) = (flags.from, flags.freeze);
    let plan = training(flags.data, flags.training, |recipe: &mut ImageRecipe| {
        recipe.parameters.from = from.or(recipe.parameters.from.take());
        if !freeze.is_empty() {
            recipe.parameters.freeze = freeze;
        }
        recipe.data.strict |= flags.strict;
    })?;
    check_model(plan.recipe.parameters.from.as_deref())?;
    Ok(plan)
}

pub(super) fn caption(flags: flags::TrainCaption) -> Result<Training<CaptionRecipe>> {
    let seeing = flags.seeing;
    let strict = seeing.strict;
    let mut plan = training(flags.data, flags.training, |recipe: &mut CaptionRecipe| {
        see_with(&mut recipe.encoder, seeing);
        recipe.data.strict |= strict;
    })?;
    find_model(&mut plan.recipe.encoder, &plan.data)?;
    Ok(plan)
}

pub(super) fn vqa(flags: flags::TrainVqa) -> Result<Training<VqaRecipe>> {
    let seeing = flags.seeing;
    let strict = seeing.strict;
    let mut plan = training(flags.data, flags.training, |recipe: &mut VqaRecipe| {
        see_with(&mut recipe.encoder, seeing);
        recipe.data.strict |= strict;
    })?;
    find_model(&mut plan.recipe.encoder, &plan.data)?;
    Ok(plan)
}

pub(super) fn align(flags: flags::TrainAlign) -> Result<Training<AlignRecipe>> {
    let seeing = flags.seeing;
    let strict = seeing.strict;
    let mut plan = training(flags.data, flags.training, |recipe: &mut AlignRecipe| {
        see_with(&mut recipe.encoder, seeing);
        recipe.data.strict |= strict;
    })?;
    find_model(&mut plan.recipe.encoder, &plan.data)?;
    Ok(plan)
}

fn see_with(encoder: &mut EncoderConfig, flags: flags::Seeing) {
    encoder.from = flags.from.or(encoder.from.take());
    if flags.finetune {
        encoder.learns = Some(true);
    }
}

/// A recipe can name published weights that lie with the data: they are looked for in the working folder, in DATA, and in a
/// folder `pretrained` beside it.
fn find_model(encoder: &mut EncoderConfig, data: &str) -> Result<()> {
    let Some(from) = encoder.from.take() else {
        return Ok(());
    };
    let data = Path::new(data);
    let beside = data.join("..").join("pretrained");
    let places = [Path::new(""), data, &beside];
    let found = places.map(|place| place.join(&from));
    let Some(found) = found.iter().find(|path| path.exists()) else {
        return check_model(Some(&from));
    };
    encoder.from = Some(found.clone());
    Ok(())
}

fn check_model(from: Option<&Path>) -> Result<()> {
    match from.filter(|path| !path.exists()) {
        None => Ok(()),
        Some(path) => Err(unusable(
            format!("{}: there is no such model", path.display()),
            "check the path after --from; a recipe's is looked for in the working folder, in DATA, and in a folder `pretrained` \
             beside it",
        )),
    }
}

/// A training; `adjust` is what further flags say of its recipe.
fn training<R: Recipe + Default>(
    data: String,
    flags: flags::Training,
    adjust: impl FnOnce(&mut R),
) -> Result<Training<R>> {
    use_kernels(&flags.work.kernels);
    check_data(&data)?;
    let task = R::TASK.name();
    let out = if flags.resume {
        run_folder::for_resume(flags.out, task, &data)?
    } else {
        run_folder::for_new(flags.out, task, &data)?
    };
    // A resumed run goes on with its own recipe unless it is told another.
    let own = Some(out.join("recipe.toml")).filter(|own| flags.resume && own.exists());
    let origin = flags.recipe.or(own);
    let mut recipe = match &origin {
        Some(path) => read_recipe(path)?,
        None => R::default(),
    };
    // A kind brings its own defaults for the rest of its table, so it comes before the rest wherever it stands.
    let is_kind = |setting: &&String| {
        let key = setting.split('=').next().unwrap_or_default().trim();
        key == "kind" || key.ends_with(".kind")
    };
    let (kinds, others): (Vec<&String>, Vec<&String>) = flags.set.iter().partition(is_kind);
    for setting in kinds.into_iter().chain(others) {
        recipe.set(setting)?;
    }
    if let Some(seed) = flags.work.seed {
        recipe.set_seed(seed);
    }
    adjust(&mut recipe);
    let plan = Training {
        data,
        recipe,
        out,
        resume: flags.resume,
        json: flags.work.json,
        quiet: flags.work.quiet,
        origin,
    };
    plan.recipe.check().map_err(|error| plan.located(error))?;
    Ok(plan)
}

fn check_vectors(recipe: &TextRecipe) -> Result<()> {
    let vectors = recipe
        .model
        .embedding()
        .and_then(|embedding| embedding.vectors.as_ref());
    match vectors.filter(|path| !path.exists()) {
        None => Ok(()),
        Some(path) => Err(unusable(
            format!("{}: there is no such file of word vectors", path.display()),
            "mend model.embedding.vectors, or leave it out to learn the vectors",
        )),
    }
}

fn read_recipe<R: Recipe>(path: &Path) -> Result<R> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        unusable(
            format!("{}: cannot read the recipe: {error}", path.display()),
            "check the path after --recipe",
        )
    })?;
    Ok(R::from_toml(&text, &path.display().to_string())?)
}
