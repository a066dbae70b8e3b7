//! The operator's own TOML.
//!
//! Configuration types derive `Deserialize` with `#[serde(deny_unknown_fields)]`: a key that is not known is an error,
//! and the error names the known key that is nearest to it.

use serde::de::DeserializeOwned;
use std::cmp::Reverse;
use std::path::{Path, PathBuf};

/// Why a configuration file is not read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: String,
    },
    /// A key that the program does not know.
    #[error("{}: line {line}: unknown key {key:?}{}", path.display(), hint(nearest.as_deref()))]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key found.
        key: String,
        /// The known key that is most like it.
        nearest: Option<String>,
    },
    /// Not TOML, or a value of another kind than needed, or a key is missing.
    #[error("{}: line {line}: {cause}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        cause: String,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |key| format!(", did you mean {key:?}?"))
}

/// Reads a TOML file.
///
/// # Errors
/// [`ConfigError`].
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::Read { path: path.into(), cause: error.to_string() })?;
    toml::from_str(&text).map_err(|error| explain(path, &text, &error))
}

fn explain(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let path = path.into();
    let start = error.span().map_or(0, |span| span.start);
    let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
    // serde's words: "unknown field `a`, expected `b` or `c`", "... expected one of `b`, `c`, `d`".
    let mut quoted = error.message().split('`').skip(1).step_by(2);
    match quoted.next() {
        Some(key) if error.message().starts_with("unknown field") => {
            let same_start = |known: &str| key.chars().zip(known.chars()).take_while(|(a, b)| a == b).count();
            let nearest = quoted.min_by_key(|known| (distance(key, known), Reverse(same_start(known))));
            let nearest = nearest.map(String::from);
            ConfigError::UnknownKey { path, line, key: key.into(), nearest }
        }
        _ => ConfigError::Form { path, line, cause: error.message().into() },
    }
}

/// Letters to change, add or drop until one word is the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (at, a) in from.chars().enumerate() {
        let mut diagonal = at;
        row[0] = at + 1;
        for (at, b) in to.chars().enumerate() {
            let change = diagonal + usize::from(a != b);
            diagonal = row[at + 1];
            row[at + 1] = change.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, PartialEq, Debug)]
    #[serde(deny_unknown_fields)]
    struct Example {
        name: String,
        listen: Option<String>,
        wait_ms: Option<u64>,
    }

    fn check(text: &str, expect: Result<Example, &str>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("example.toml");
        std::fs::write(&path, text).unwrap();
        let found = load::<Example>(&path).map_err(|error| error.to_string());
        assert_eq!(found, expect.map_err(|message| format!("{}: {message}", path.display())));
    }

    #[test]
    fn each_error_says_where_and_what() {
        check("name = \"a\"", Ok(Example { name: "a".into(), listen: None, wait_ms: None }));
        check("name = \"a\"\nlisten_ = \"b\"", Err("line 2: unknown key \"listen_\", did you mean \"listen\"?"));
        check("nmae = \"a\"", Err("line 1: unknown key \"nmae\", did you mean \"name\"?"));
        check("name = \"a\"\n\nwait = 3", Err("line 3: unknown key \"wait\", did you mean \"wait_ms\"?"));
        check("", Err("line 1: missing field `name`"));
        check("name = 3", Err("line 1: invalid type: integer `3`, expected a string"));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = load::<Example>(Path::new("/nowhere/example.toml")).unwrap_err();
        assert_eq!(error.to_string(), "/nowhere/example.toml: No such file or directory (os error 2)");
    }
}
