//! Tickets: what a release decided, on the disk before anything of it is sent, so that it goes on after any interruption.
//!
//! ```text
//! {"ticket":"glarus release 1",
//! "product":"pkg:generic/acme/shield","version":"7.2.0","channel":"stable","target":"","sequence":41,
//! "log":"log.acme.example/updates","url":"http://log.acme.example:7370","trust":"trust.toml","journal":"releases.ndjson",
//! "folder":null,
//! "files":[
//! {"path":"dist/shield-7.2.0.pkg","sha256":"2c26…","bytes":3}],
//! "records":[
//! {"name":"source","id":"594a…","envelope":"{\"payload\":\"…\"}"},
//! {"name":"build","id":"ae99…","envelope":"…"},
//! {"name":"update","id":"a05d…","envelope":"…"}]}
//! ```
//!
//! It is written once and never changed: what was done already is found out anew, for every step is harmless twice. The same
//! record again is the same entry, a bundle is fetched again, the journal has one line an update. The signed records are in it,
//! in the order in which they are sent, so nothing is signed a second time.
//!
//! Where a manifest is released, `folder` is the one whose files it lists, and it is the one file.
//!
//! The last record is the update, and the files are its subjects; paths are as they were named, from the folder in which the
//! release was begun. Bytes that do not re-encode to themselves are refused, so what people read in it is what its records say.

use crate::draft;
use crate::files;
use spec::json::{self, JsonError, Object, Value, write_string};
use spec::record::{Digest, Kind, MAX_SUBJECTS, Predicate, Record, RecordError, Subject, Update};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The most bytes of a ticket.
pub const MAX_TICKET_BYTES: usize = 1 << 26;
/// The most records of a release: those of one batch.
pub const MAX_RECORDS: usize = 1_024;
/// The name of a ticket in its folder.
pub const TICKET: &str = "ticket.json";
const FORM: &str = "glarus release 1";

/// Why a file is no ticket.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TicketError {
    /// Not JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A member is missing or has another form.
    #[error("{0} is missing or has another form")]
    Member(&'static str),
    /// What should be a record is none.
    #[error("record {at}: {cause}")]
    Record {
        /// Which, from 1.
        at: usize,
        /// Why not.
        cause: RecordError,
    },
    /// Not sources and builds, and one update behind them.
    #[error("record {at} is of kind {kind}; a release has sources, then builds, and one update as its last record")]
    Kinds {
        /// Which, from 1.
        at: usize,
        /// Its kind.
        kind: Kind,
    },
    /// The files are not those of the update.
    #[error("{0} is not both in its files and a subject of its update")]
    Files(String),
    /// Longer lists than a release has.
    #[error("{what} has {have} elements, at most {max} are allowed")]
    Limit {
        /// Of what.
        what: &'static str,
        /// How many.
        have: usize,
        /// How many at most.
        max: usize,
    },
    /// Bytes that say something beside what the records say.
    #[error("it differs from what its records say, from byte {at} on")]
    NotCanonical {
        /// The first byte that differs.
        at: usize,
    },
}

/// A file to release.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TicketFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its name in the update.
    pub name: String,
    /// Its digest.
    pub sha256: Digest,
    /// How long it is.
    pub bytes: u64,
}

/// A signed record, and the bytes that are sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TicketRecord {
    /// What it is.
    pub record: Record,
    /// Its envelope.
    pub envelope: Vec<u8>,
}

/// What a release needs beside itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct To {
    /// Where the log is.
    pub url: String,
    /// By which trust file the bundles are judged, if there is one.
    pub trust: Option<String>,
    /// Where the release is noted when it is done.
    pub journal: String,
}

/// A release as it was decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ticket {
    /// Where the log is.
    pub url: String,
    /// By which trust file the bundles are judged, if there is one.
    pub trust: Option<String>,
    /// Where the release is noted when it is done.
    pub journal: String,
    /// The folder whose files the one file lists, if that is a manifest.
    pub folder: Option<String>,
    /// The files.
    pub files: Vec<TicketFile>,
    /// Sources and builds that were not on the log, each behind what it needs; last the update.
    records: Vec<TicketRecord>,
    /// The update's id.
    pub id: Digest,
    /// What the update says.
    pub says: Update,
}

impl TicketFile {
    /// It as a subject.
    pub fn subject(&self) -> Subject {
        Subject { name: self.name.clone(), sha256: self.sha256, digests: Vec::new() }
    }
}

impl TicketRecord {
    /// The record as it is sent.
    ///
    /// # Errors
    /// [`RecordError`] above the limits of an entry.
    pub fn new(record: &Record) -> Result<Self, RecordError> {
        let envelope = draft::write(record)?;
        // The form that it is written in sorts the signatures.
        Ok(Self { record: Record::parse_submission(&envelope)?, envelope })
    }
}

impl Ticket {
    /// Puts together a release.
    ///
    /// # Errors
    /// [`TicketError`].
    pub fn new(
        To { url, trust, journal }: To,
        folder: Option<String>,
        files: Vec<TicketFile>,
        records: Vec<TicketRecord>,
    ) -> Result<Self, TicketError> {
        let limit = |what, have, max| if have > max { Err(TicketError::Limit { what, have, max }) } else { Ok(()) };
        limit("files", files.len(), MAX_SUBJECTS)?;
        limit("records", records.len(), MAX_RECORDS)?;
        let (last, before) = records.split_last().ok_or(TicketError::Member("records"))?;
        let kinds = |(at, one): (usize, &TicketRecord)| TicketError::Kinds { at, kind: one.record.kind() };
        let is_before = |one: &TicketRecord| matches!(one.record.kind(), Kind::Source | Kind::Build);
        if let Some(other) = (1..).zip(before).find(|(_, one)| !is_before(one)) {
            return Err(kinds(other));
        }
        let Predicate::Update(says) = &last.record.statement.predicate else {
            return Err(kinds((records.len(), last)));
        };
        same_files(&files, &last.record.statement.subjects)?;
        if folder.is_some() && files.len() != 1 {
            return Err(TicketError::Member("folder"));
        }
        let (id, says) = (last.record.id, says.clone());
        Ok(Self { url, trust, journal, folder, files, records, id, says })
    }

    /// The records in the order in which they are sent, each with a name that no other has.
    pub fn records(&self) -> Vec<(String, &TicketRecord)> {
        let of = |kind: Kind| self.records.iter().filter(move |one| one.record.kind() == kind);
        let named = |one: &TicketRecord| {
            let kind = one.record.kind();
            match (of(kind).count(), of(kind).position(|other| other == one)) {
                (1, _) | (_, None) => kind.to_string(),
                (_, Some(at)) => format!("{kind}-{}", at.saturating_add(1)),
            }
        };
        self.records.iter().map(|one| (named(one), one)).collect()
    }

    /// Writes the JSON.
    pub fn to_json(&self) -> String {
        let Update { log, product, version, channel, target, sequence, .. } = &self.says;
        let mut out = format!("{{\"ticket\":\"{FORM}\",\n\"product\":");
        let text = |out: &mut String, name: &str, value: &str| {
            out.push_str(name);
            write_string(out, value);
        };
        text(&mut out, "", product.as_str());
        text(&mut out, ",\"version\":", version);
        text(&mut out, ",\"channel\":", channel);
        text(&mut out, ",\"target\":", target);
        text(&mut out, &format!(",\"sequence\":{sequence},\n\"log\":"), log);
        text(&mut out, ",\"url\":", &self.url);
        let optional = |out: &mut String, name: &str, value: &Option<String>| match value {
            None => out.push_str(&format!("{name}null")),
            Some(value) => text(out, name, value),
        };
        optional(&mut out, ",\"trust\":", &self.trust);
        text(&mut out, ",\"journal\":", &self.journal);
        optional(&mut out, ",\n\"folder\":", &self.folder);
        out.push_str(",\n\"files\":[");
        for (at, file) in self.files.iter().enumerate() {
            let comma = if at == 0 { "\n" } else { ",\n" };
            text(&mut out, &format!("{comma}{{\"path\":"), file.path.to_str().unwrap_or_default());
            out.push_str(&format!(",\"sha256\":\"{}\",\"bytes\":{}}}", file.sha256, file.bytes));
        }
        out.push_str("],\n\"records\":[");
        for (at, (name, one)) in self.records().into_iter().enumerate() {
            let comma = if at == 0 { "\n" } else { ",\n" };
            out.push_str(&format!("{comma}{{\"name\":\"{name}\",\"id\":\"{}\",\"envelope\":", one.record.id));
            text(&mut out, "", &String::from_utf8_lossy(&one.envelope));
            out.push('}');
        }
        out.push_str("]}\n");
        out
    }

    /// Reads the JSON.
    ///
    /// # Errors
    /// [`TicketError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, TicketError> {
        let value = json::parse(bytes)?;
        let object = value.object().ok_or(TicketError::Member("the ticket"))?;
        if text(object, "ticket")? != FORM {
            return Err(TicketError::Member("ticket"));
        }
        let files = list(object, "files")?.iter().map(file).collect::<Result<Vec<_>, _>>()?;
        let records = (1..).zip(list(object, "records")?).map(|(at, value)| {
            let envelope = text(value.object().ok_or(TicketError::Member("records"))?, "envelope")?.as_bytes().to_vec();
            let record = Record::parse_submission(&envelope).map_err(|cause| TicketError::Record { at, cause })?;
            Ok(TicketRecord { record, envelope })
        });
        let records = records.collect::<Result<Vec<_>, TicketError>>()?;
        let optional = |name| match object.get(name) {
            Some(Value::Null) => Ok(None),
            _ => text(object, name).map(|text| Some(text.into())),
        };
        let (url, journal) = (text(object, "url")?.into(), text(object, "journal")?.into());
        let to = To { url, trust: optional("trust")?, journal };
        let ticket = Self::new(to, optional("folder")?, files, records)?;
        let again = ticket.to_json();
        if again.as_bytes() != bytes {
            let at = again.bytes().zip(bytes).take_while(|(have, read)| have == *read).count();
            return Err(TicketError::NotCanonical { at });
        }
        Ok(ticket)
    }
}

/// The files, and the subjects of the update, are the same.
fn same_files(files: &[TicketFile], subjects: &[Subject]) -> Result<(), TicketError> {
    let have: BTreeSet<_> = files.iter().map(|file| (&file.name, file.sha256)).collect();
    let need: BTreeSet<_> = subjects.iter().map(|subject| (&subject.name, subject.sha256)).collect();
    match have.symmetric_difference(&need).next() {
        Some((name, sha256)) => Err(TicketError::Files(format!("{name} ({sha256})"))),
        None => Ok(()),
    }
}

fn file(value: &Value) -> Result<TicketFile, TicketError> {
    let object = value.object().ok_or(TicketError::Member("files"))?;
    let path = PathBuf::from(text(object, "path")?);
    let name = files::name(&path).map_err(|_| TicketError::Member("path"))?;
    let sha256 = Digest::parse(text(object, "sha256")?).ok_or(TicketError::Member("sha256"))?;
    let bytes = object.get("bytes").and_then(Value::integer).ok_or(TicketError::Member("bytes"))?;
    Ok(TicketFile { path, name, sha256, bytes })
}

fn text<'a>(object: &'a Object, name: &'static str) -> Result<&'a str, TicketError> {
    object.get(name).and_then(Value::string).ok_or(TicketError::Member(name))
}

fn list<'a>(object: &'a Object<'a>, name: &'static str) -> Result<&'a [Value<'a>], TicketError> {
    object.get(name).and_then(Value::array).ok_or(TicketError::Member(name))
}

/// The folder for the ticket of a release, its records and their proofs.
pub fn folder(product: &str, version: &str, channel: &str, target: &str) -> PathBuf {
    format!("glarus-release-{}", joined(&[name(product), version, channel, target])).into()
}

/// The name of the manifest of a release.
pub fn manifest(product: &str, version: &str) -> String {
    joined(&[name(product), version]) + ".manifest"
}

fn name(product: &str) -> &str {
    product.rsplit('/').next().unwrap_or_default()
}

/// A name of parts that are not empty, of characters that mean nothing to a shell.
fn joined(parts: &[&str]) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || "._+-".contains(letter) { letter } else { '_' };
    let parts = parts.iter().filter(|part| !part.is_empty());
    parts.map(|part| part.chars().map(plain).collect()).collect::<Vec<String>>().join("-")
}

/// The ticket that an argument names: itself, or the folder that it is in.
pub fn path(argument: &Path) -> PathBuf {
    if argument.is_dir() { argument.join(TICKET) } else { argument.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SecretKey;
    use spec::record::{Build, Product, Source, Statement};

    const ORIGIN: &str = "log.example/updates";

    fn product() -> Product {
        Product::parse("pkg:generic/acme/shield").unwrap()
    }

    fn record(predicate: Predicate, subjects: &[&str]) -> TicketRecord {
        let subjects = subjects.iter().map(|name| Subject::of_name(name)).collect();
        let mut record = draft::of_statement(&Statement { subjects, predicate }).unwrap();
        draft::sign(&mut record, &SecretKey::from_seed([1; 32])).unwrap();
        TicketRecord::new(&record).unwrap()
    }

    fn build(name: &str) -> TicketRecord {
        let (build_type, builder) = ("t".into(), "b".into());
        record(Predicate::Build(Build { build_type, builder, dependencies: Vec::new() }), &[name])
    }

    fn ticket() -> Ticket {
        let (log, held_at) = (ORIGIN.to_string(), Vec::new());
        let products = vec![product()];
        let source = Source { log: log.clone(), products, version: "7 \"2\"".into(), held_at };
        let update = Update {
            log,
            product: product(),
            version: "7 \"2\"".into(),
            channel: "stable".into(),
            target: String::new(),
            sequence: 41,
            builds: vec![Digest::of(b"build")],
        };
        let file = |name: &str| {
            let (path, sha256) = (PathBuf::from(format!("dist/{name}")), Digest::of(name.as_bytes()));
            TicketFile { path, name: name.into(), sha256, bytes: 7 }
        };
        let (url, trust) = ("http://localhost:7370".into(), Some("trust.toml".into()));
        let to = To { url, trust, journal: "releases.ndjson".into() };
        let (source, update) =
            (record(Predicate::Source(source), &["src"]), record(Predicate::Update(update), &["b", "a"]));
        Ticket::new(to, None, vec![file("a"), file("b")], vec![source, build("a"), build("b"), update]).unwrap()
    }

    fn again(ticket: Ticket) -> Result<Ticket, TicketError> {
        let Ticket { url, trust, journal, folder, files, records, .. } = ticket;
        Ticket::new(To { url, trust, journal }, folder, files, records)
    }

    #[test]
    fn one_form() {
        let ticket = ticket();
        let text = ticket.to_json();
        assert_eq!(Ticket::parse(text.as_bytes()).as_ref(), Ok(&ticket));
        let names: Vec<_> = ticket.records().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["source", "build-1", "build-2", "update"]);
        let bare = Ticket { trust: None, records: ticket.records[3..].into(), ..ticket };
        assert_eq!(Ticket::parse(bare.to_json().as_bytes()), Ok(bare));
    }

    #[test]
    fn what_people_read_is_what_the_records_say() {
        let text = ticket().to_json();
        for (from, to) in [
            ("\"sequence\":41", "\"sequence\":42"),
            ("\"channel\":\"stable\"", "\"channel\":\"beta\""),
            ("\"log\":\"log.example", "\"log\":\"evil.example"),
            ("\"name\":\"build-1\"", "\"name\":\"build-2\""),
            ("\"trust\":", "\"more\":1,\"trust\":"),
            (",\n\"files\"", ", \"files\""),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            let refused = Ticket::parse(changed.as_bytes());
            assert!(matches!(refused, Err(TicketError::NotCanonical { .. })), "{from}: {refused:?}");
        }
        for from in [
            "\"folder\"",
            "\"url\"",
            "\"journal\"",
            "\"trust\"",
            "\"files\"",
            "\"records\"",
            "\"envelope\"",
            "\"path\"",
            "release 1",
        ] {
            let refused = Ticket::parse(text.replacen(from, "\"other\"", 1).as_bytes());
            assert!(matches!(refused, Err(TicketError::Member(_) | TicketError::Json(_))), "{from}: {refused:?}");
        }
        for at in 0..text.len() {
            assert!(Ticket::parse(&text.as_bytes()[..at]).is_err());
        }
    }

    #[test]
    fn it_is_a_release() {
        let mut other = ticket();
        other.files[0].sha256 = Digest::of(b"other");
        assert!(matches!(again(other), Err(TicketError::Files(_))));
        let mut other = ticket();
        other.records.push(other.records[3].clone());
        assert_eq!(again(other), Err(TicketError::Kinds { at: 4, kind: Kind::Update }));
        let mut other = ticket();
        other.records.pop();
        assert_eq!(again(other), Err(TicketError::Kinds { at: 3, kind: Kind::Build }));
        let other = Ticket { folder: Some("dist".into()), ..ticket() };
        assert_eq!(again(other), Err(TicketError::Member("folder")), "a manifest is one file");
        let mut other = ticket();
        other.records.clear();
        assert_eq!(again(other), Err(TicketError::Member("records")));
        let mut other = ticket();
        other.files = vec![other.files[0].clone(); 257];
        assert_eq!(again(other), Err(TicketError::Limit { what: "files", have: 257, max: 256 }));
    }

    #[test]
    fn a_folder_of_its_own() {
        let folder = |version, target| folder("pkg:generic/acme/shield", version, "stable", target);
        assert_eq!(folder("7.2.0", ""), Path::new("glarus-release-shield-7.2.0-stable"));
        assert_eq!(manifest("pkg:generic/acme/db", "1/2"), "db-1_2.manifest");
        assert_eq!(folder("7/../2 +é", "linux"), Path::new("glarus-release-shield-7_.._2_+_-stable-linux"));
    }
}
