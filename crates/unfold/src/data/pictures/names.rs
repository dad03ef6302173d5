//! Finding a file by the name that a table gives it.

use std::collections::HashMap;

use crate::data::files::File;
use crate::data::tree::folder_of;

/// The files of DATA by their names.
#[derive(Debug)]
pub(super) struct Names {
    paths: HashMap<String, usize>,
    /// The files of each name, with and without its ending.
    ends: HashMap<String, Vec<usize>>,
    all: Vec<String>,
}

impl Names {
    pub(super) fn of<T>(files: &[File<T>]) -> Names {
        Names::of_paths(files.iter().map(|file| file.path.clone()))
    }

    /// The files at these paths.
    pub(super) fn of_paths(paths: impl Iterator<Item = String>) -> Names {
        let all: Vec<String> = paths.collect();
        let mut ends: HashMap<String, Vec<usize>> = HashMap::new();
        for (number, path) in all.iter().enumerate() {
            let name = path.rsplit('/').next().unwrap_or(path);
            let stem = name.rsplit_once('.').map(|(stem, _)| stem);
            for end in [Some(name), stem].into_iter().flatten() {
                ends.entry(end.to_owned()).or_default().push(number);
            }
        }
        let paths = all.iter().enumerate();
        Names {
            paths: paths.map(|(number, path)| (path.clone(), number)).collect(),
            ends,
            all,
        }
    }

    /// The paths of all files.
    pub(super) fn paths(&self) -> &[String] {
        &self.all
    }

    /// The file that is called `name` in a table at `table`; nothing where there are none or several.
    pub(super) fn find(&self, name: &str, table: &str) -> Option<usize> {
        match self.all_called(name, table)[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The files that `name` may mean in a table at `table`: the one at that path from the table's folder, else those whose path
    /// ends so; their ending may be left out.
    pub(super) fn all_called(&self, name: &str, table: &str) -> Vec<usize> {
        let name = name.replace('\\', "/");
        let mut path = folder_of(table);
        for part in name.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(path.pop()),
                part => path.push(part.to_owned()),
            }
        }
        if let Some(&found) = self.paths.get(path.join("/").as_str()) {
            return vec![found];
        }
        let name = name.trim_start_matches("./");
        let last = name.rsplit('/').next().unwrap_or(name);
        let fits = |number: &&usize| {
            let path = self.all[**number].as_str();
            [path, path.rsplit_once('.').map_or(path, |(stem, _)| stem)]
                .into_iter()
                .filter_map(|path| path.strip_suffix(name))
                .any(|before| before.is_empty() || before.ends_with('/'))
        };
        let ends = self.ends.get(last).into_iter().flatten();
        ends.filter(fits).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_path_or_by_the_end_of_it() {
        let paths = [
            "labels.csv",
            "a/1.jpg",
            "b/1.jpg",
            "b/2.jpg",
            "b/c/3.tar.png",
        ];
        let files: Vec<File<()>> = paths
            .iter()
            .map(|path| File {
                path: path.to_string(),
                bytes: (),
            })
            .collect();
        let names = Names::of(&files);
        for (name, table, expected) in [
            ("a/1.jpg", "labels.csv", Some(1)),
            ("./a/1.jpg", "labels.csv", Some(1)),
            ("1.jpg", "labels.csv", None),
            ("1.jpg", "b/x.csv", Some(2)),
            ("../a/1.jpg", "b/x.csv", Some(1)),
            ("2.jpg", "labels.csv", Some(3)),
            ("2", "labels.csv", Some(3)),
            ("b\\2.jpg", "labels.csv", Some(3)),
            ("c/3.tar", "labels.csv", Some(4)),
            ("2.png", "labels.csv", None),
            ("jpg", "labels.csv", None),
            ("", "labels.csv", None),
        ] {
            assert_eq!(names.find(name, table), expected, "{name} from {table}");
        }
    }
}
