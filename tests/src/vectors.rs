//! Files of `spec/vectors`, read as `spec/vectors/README.md` says.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::PathBuf;

/// A vector.
pub struct Vector {
    /// Its name, the file's.
    pub name: String,
    header: Vec<(String, String)>,
    /// What the header stands before.
    pub body: Vec<u8>,
}

impl Vector {
    /// Reads a file.
    fn parse(name: &str, file: &[u8]) -> Option<Self> {
        let end = file.windows(2).position(|pair| pair == b"\n\n")?;
        let lines = std::str::from_utf8(&file[..end]).ok()?.lines();
        let header = lines.map(|line| line.split_once(": ").map(|(key, value)| (key.into(), value.into())));
        Some(Self { name: name.into(), header: header.collect::<Option<_>>()?, body: file[end + 2..].into() })
    }

    /// What a key says that stands at most once.
    pub fn find(&self, key: &str) -> Option<&str> {
        self.header.iter().find(|(have, _)| have == key).map(|(_, value)| value.as_str())
    }

    /// What a key says that stands once.
    ///
    /// # Errors
    /// If it is not there.
    pub fn get(&self, key: &str) -> anyhow::Result<&str> {
        self.find(key).with_context(|| format!("{}: no {key}", self.name))
    }

    /// The bytes that a key says.
    ///
    /// # Errors
    /// If they are not base64.
    pub fn base64(&self, key: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let bytes = self.find(key).map(|text| STANDARD.decode(text)).transpose();
        bytes.map_err(|error| anyhow::anyhow!("{}: {key}: {error}", self.name))
    }
}

/// The folder of a chapter.
pub fn folder(chapter: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors").join(chapter)
}

/// All vectors of a chapter, by name.
///
/// # Errors
/// If a file cannot be read, or is no vector.
pub fn read(chapter: &str) -> anyhow::Result<Vec<Vector>> {
    let mut vectors = Vec::new();
    for entry in std::fs::read_dir(folder(chapter))? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().context("a name")?;
        let vector = Vector::parse(&name, &std::fs::read(entry.path())?);
        vectors.push(vector.with_context(|| format!("{chapter}/{name} is not a vector"))?);
    }
    vectors.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(vectors)
}
