//! `docs/recipes.md` names every key of every recipe, in the words of the code's own documentation.
//!
//! `UNFOLD_WRITE=1 cargo test -p unfold --test recipe_keys` writes it anew.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, Expr, Fields, Item, Lit, Meta, Type};
use unfold::tasks::Recipe;
use unfold::tasks::align::AlignRecipe;
use unfold::tasks::caption::CaptionRecipe;
use unfold::tasks::image::ImageRecipe;
use unfold::tasks::language::LanguageRecipe;
use unfold::tasks::text::TextRecipe;
use unfold::tasks::vqa::VqaRecipe;

const BEGIN: &str = "\
# Recipes

A recipe is everything about a training but where its data lies. `unfold train TASK DATA` begins with the defaults below;
`--recipe FILE` reads a file in TOML that changes some of them, and `--set KEY=VALUE` changes one more, such as
`--set train.epochs=3`. Where a table says its `kind`, all else in it begins with that kind's own defaults, whichever stand below;
among several `--set` kinds come first. A name with dots in it is quoted: `--set 'parameters.rates.\"24.linear*\"=0.1'`. The whole recipe of a run is its `recipe.toml`. A key that is not known is an error that
names the nearest one. The recipes behind the published figures are in `recipes/`.

This page is made from the documentation in the code.
";

/// What a type of the code says about TOML.
struct Known {
    file: PathBuf,
    name: String,
    about: String,
    kind: Kind,
}

enum Kind {
    Table(Vec<Key>),
    /// The key that tells which, and what there is to choose from.
    Choice(String, Vec<Variant>),
    /// Names alone.
    Names(Vec<(String, String)>),
}

struct Key {
    name: String,
    about: String,
    /// The types in it that may be known.
    of: Vec<String>,
}

struct Variant {
    name: String,
    about: String,
    keys: Vec<Key>,
    of: Option<String>,
}

#[test]
fn every_key_is_explained() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known = Vec::new();
    read(&root.join("src"), &mut known);
    let mut pages = Pages {
        known: &known,
        page: BEGIN.to_owned(),
        places: BTreeMap::new(),
        queue: VecDeque::new(),
    };
    pages.task::<TextRecipe>("Text classification");
    pages.task::<LanguageRecipe>("Language models");
    pages.task::<ImageRecipe>("Image classification");
    pages.task::<CaptionRecipe>("Captions");
    pages.task::<VqaRecipe>("Questions about pictures");
    pages.task::<AlignRecipe>("Pictures and sentences");
    pages.page.push_str("\n## Tables\n");
    while let Some(number) = pages.queue.pop_front() {
        pages.section(number);
    }
    let page = pages.page;
    let path = root.join("../../docs/recipes.md");
    if std::env::var_os("UNFOLD_WRITE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    let differs = page
        .lines()
        .zip(there.lines())
        .find(|(want, got)| want != got);
    assert!(
        there == page,
        "docs/recipes.md is older than the code, first in {differs:?}; write it anew with UNFOLD_WRITE=1"
    );
}

/// The page as far as it is written.
struct Pages<'a> {
    known: &'a [Known],
    page: String,
    /// Where each table that has a section stands in a recipe.
    places: BTreeMap<usize, String>,
    /// Those whose sections are not written yet.
    queue: VecDeque<usize>,
}

impl Pages<'_> {
    /// The defaults of a task's recipe, and its tables.
    fn task<R: Recipe + Default>(&mut self, title: &str) {
        let name = std::any::type_name::<R>().rsplit("::").next().unwrap();
        let recipe = self.known.iter().find(|known| known.name == name).unwrap();
        let Kind::Table(keys) = &recipe.kind else {
            panic!("{name} is no table");
        };
        let defaults = R::default().to_toml();
        self.line(&format!(
            "\n## {title}\n\n```toml\n{}\n```\n\n| table | |\n| --- | --- |",
            defaults.trim_end()
        ));
        for key in keys {
            let of = key.of.iter().find_map(|of| self.find(of, recipe));
            let table = of.filter(|&number| !matches!(self.known[number].kind, Kind::Names(_)));
            match table {
                Some(number) => {
                    let link = self.link(number, format!("[{}]", key.name));
                    self.line(&format!("| [`[{}]`](#{link}) | {} |", key.name, key.about));
                }
                None => self.line(&format!("| `{}` | {} |", key.name, key.about)),
            }
        }
    }

    /// The keys of a table, and what there is to choose from.
    fn section(&mut self, number: usize) {
        let this = &self.known[number];
        let place = self.places[&number].clone();
        self.line(&format!(
            "\n### {}\n\n{}\n",
            heading(&place, this),
            this.about
        ));
        let inside = place.trim_matches(['[', ']']);
        match &this.kind {
            Kind::Table(keys) => {
                self.line("| key | |\n| --- | --- |");
                self.rows(inside, "", keys, this);
            }
            Kind::Choice(tag, variants) => {
                self.line(&format!("| `{tag}` | keys | |\n| --- | --- | --- |"));
                for variant in variants {
                    let (name, about) = (&variant.name, &variant.about);
                    self.line(&format!("| `\"{name}\"` | | {about} |"));
                    self.rows(inside, "| ", &variant.keys, this);
                    let of = variant.of.as_ref().and_then(|of| self.find(of, this));
                    if let Some(of) = of.map(|number| &self.known[number])
                        && let Kind::Table(keys) = &of.kind
                    {
                        self.rows(inside, "| ", keys, of);
                    }
                }
            }
            Kind::Names(_) => unreachable!("names have no section"),
        }
    }

    /// A line for each key of a table `of` the code that stands at `inside`.
    fn rows(&mut self, inside: &str, before: &str, keys: &[Key], of: &Known) {
        for key in keys {
            let mut about = key.about.clone();
            let types = key.of.iter().filter_map(|name| self.find(name, of));
            for number in types.collect::<Vec<_>>() {
                match &self.known[number].kind {
                    Kind::Names(names) if names.is_empty() => {
                        about = format!("{about} {}", self.known[number].about);
                    }
                    Kind::Names(names) => {
                        let each = names.iter().map(|(name, about)| match &about[..] {
                            link if link.starts_with('`') => format!("`\"{name}\"`"),
                            about => {
                                let about = about.trim_end_matches('.');
                                format!(
                                    "`\"{name}\"`: {}{}",
                                    about[..1].to_lowercase(),
                                    &about[1..]
                                )
                            }
                        });
                        let each = each.collect::<Vec<_>>().join("; ");
                        about = format!("{about} {each}.");
                    }
                    _ => {
                        let link = self.link(number, format!("{inside}.{}", key.name));
                        about = format!("{about} See [its keys](#{link}).");
                    }
                }
            }
            self.line(&format!("{before}| `{}` | {about} |", key.name));
        }
    }

    /// The link to the section of a table, which stands at `place` unless it has one already.
    fn link(&mut self, number: usize, place: String) -> String {
        let known = &self.known[number];
        let place = self.places.entry(number).or_insert_with(|| {
            self.queue.push_back(number);
            place
        });
        anchor(&heading(place, known))
    }

    fn line(&mut self, line: &str) {
        self.page.push_str(line);
        self.page.push('\n');
    }

    /// The type of that name: in the file where it is used, beside it, or the only one.
    fn find(&self, name: &str, user: &Known) -> Option<usize> {
        let known = self.known;
        let all = || (0..known.len()).filter(|&i| known[i].name == name);
        all()
            .find(|&i| known[i].file == user.file)
            .or_else(|| all().find(|&i| known[i].file.parent() == user.file.parent()))
            .or_else(|| all().next().filter(|_| all().count() == 1))
    }
}

/// What a section is called.
fn heading(place: &str, known: &Known) -> String {
    let name = spaced(known.name.trim_end_matches("Config"));
    // Tasks have tables of the same name.
    let mut folders = known.file.iter().skip_while(|part| *part != "tasks");
    let task = folders.nth(1).and_then(|task| task.to_str());
    match task.filter(|task| !task.ends_with(".rs") && !name.starts_with(task)) {
        Some(task) => format!("`{place}` {task} {name}"),
        None => format!("`{place}` {name}"),
    }
}

/// `ResNetConfig` as words.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    for (i, letter) in name.chars().enumerate() {
        if i > 0 && letter.is_uppercase() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

/// The link to a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = |letter| match letter {
        ' ' => Some('-'),
        letter if char::is_alphanumeric(letter) || "-_".contains(letter) => Some(letter),
        _ => None,
    };
    heading.to_lowercase().chars().filter_map(kept).collect()
}

/// Reads the types of a folder of code that TOML is read into.
fn read(folder: &Path, known: &mut Vec<Known>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            read(&path, known);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let file = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
            known.extend(file.items.iter().filter_map(|item| of_item(item, &path)));
        }
    }
}

fn of_item(item: &Item, file: &Path) -> Option<Known> {
    let (name, attributes, kind) = match item {
        Item::Struct(item) => (&item.ident, &item.attrs, Kind::Table(keys(&item.fields))),
        Item::Enum(item) => {
            let cases = serde(&item.attrs, "rename_all").unwrap_or_default();
            let cased = |name: &syn::Ident| renamed(&name.to_string(), &cases);
            let kind = match serde(&item.attrs, "tag") {
                Some(tag) => {
                    let variant = |variant: &syn::Variant| Variant {
                        name: serde(&variant.attrs, "rename")
                            .unwrap_or_else(|| cased(&variant.ident)),
                        about: about(&variant.attrs),
                        keys: match &variant.fields {
                            Fields::Named(_) => keys(&variant.fields),
                            _ => Vec::new(),
                        },
                        of: match &variant.fields {
                            Fields::Unnamed(fields) => names(&fields.unnamed[0].ty).pop(),
                            _ => None,
                        },
                    };
                    Kind::Choice(tag, item.variants.iter().map(variant).collect())
                }
                // What is written otherwise than its variants are called says so itself.
                None if serde(&item.attrs, "try_from").is_some() => Kind::Names(Vec::new()),
                None if item.variants.iter().all(|v| v.fields.is_empty()) => {
                    let variant = |variant: &syn::Variant| {
                        let name = serde(&variant.attrs, "rename");
                        (
                            name.unwrap_or_else(|| cased(&variant.ident)),
                            about(&variant.attrs),
                        )
                    };
                    Kind::Names(item.variants.iter().map(variant).collect())
                }
                None => return None,
            };
            (&item.ident, &item.attrs, kind)
        }
        _ => return None,
    };
    let derived = attributes.iter().any(|attribute| {
        attribute.path().is_ident("derive")
            && matches!(&attribute.meta, Meta::List(list) if list.tokens.to_string().contains("Deserialize"))
    });
    derived.then(|| Known {
        file: file.to_owned(),
        name: name.to_string(),
        about: about(attributes),
        kind,
    })
}

fn keys(fields: &Fields) -> Vec<Key> {
    let fields = fields.iter().filter(|field| field.ident.is_some());
    let key = |field: &syn::Field| Key {
        name: serde(&field.attrs, "rename")
            .unwrap_or_else(|| field.ident.as_ref().unwrap().to_string()),
        about: about(&field.attrs),
        of: names(&field.ty),
    };
    fields.map(key).collect()
}

/// The names in a type, such as `Option` and `Lookahead`.
fn names(of: &Type) -> Vec<String> {
    let mut all = Vec::new();
    if let Type::Path(path) = of {
        for segment in &path.path.segments {
            all.push(segment.ident.to_string());
            if let syn::PathArguments::AngleBracketed(inner) = &segment.arguments {
                for argument in &inner.args {
                    if let syn::GenericArgument::Type(inner) = argument {
                        all.extend(names(inner));
                    }
                }
            }
        }
    }
    all
}

/// The documentation up to the first example, on one line, without links of Rust.
fn about(attributes: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|a| a.path().is_ident("doc")) {
        if let Meta::NameValue(value) = &attribute.meta
            && let Expr::Lit(literal) = &value.value
            && let Lit::Str(text) = &literal.lit
        {
            let line = text.value().trim().to_owned();
            if line.starts_with("```") || line.ends_with("In TOML:") {
                lines.extend(
                    line.strip_suffix("In TOML:")
                        .map(|line| line.trim_end().to_owned()),
                );
                break;
            }
            lines.push(line);
        }
    }
    let text = lines.join(" ").trim().replace('|', "\\|");
    unlinked(&text).replace("  ", " ")
}

/// "[`Lookahead`](crate::nn::Lookahead)" and "[`Lookahead`]" as "`Lookahead`", and "[`TokenKind::Words`]" as "`words`".
fn unlinked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[`") {
        let Some((name, after)) = after.split_once("`]") else {
            break;
        };
        let name = match name.rsplit_once("::") {
            Some((_, variant)) => variant.to_lowercase(),
            None => name.to_owned(),
        };
        out.extend([before, "`", &name, "`"]);
        rest = match after
            .strip_prefix('(')
            .and_then(|link| link.split_once(')'))
        {
            Some((_, after)) => after,
            None => after,
        };
    }
    out + rest
}

/// What an attribute of serde says, such as `tag`.
fn serde(attributes: &[Attribute], key: &str) -> Option<String> {
    let mut found = None;
    for attribute in attributes.iter().filter(|a| a.path().is_ident("serde")) {
        let _ = attribute.parse_nested_meta(|meta| {
            if let Ok(value) = meta.value()
                && let Ok(literal) = value.parse::<syn::LitStr>()
                && meta.path.is_ident(key)
            {
                found = Some(literal.value());
            }
            Ok(())
        });
    }
    found
}

/// A name as serde's `rename_all` spells it.
fn renamed(name: &str, cases: &str) -> String {
    let between = match cases {
        "lowercase" => "",
        "snake_case" => "_",
        "kebab-case" => "-",
        _ => return name.to_owned(),
    };
    let mut out = String::new();
    for (i, letter) in name.chars().enumerate() {
        if i > 0 && letter.is_uppercase() {
            out.push_str(between);
        }
        out.extend(letter.to_lowercase());
    }
    out
}
