#![doc = include_str!("../api.md")]

use crate::encoding;
use crate::json::{self, Object};
use crate::merkle::{Hash, TreeHead};
use crate::record::{Digest, Kind, write_list};
use alloc::{boxed::Box, format, string::String, vec::Vec};

/// The media type of problem details.
pub const PROBLEM: &str = "application/problem+json";
/// The media type of a bundle.
pub const BUNDLE: &str = "application/vnd.glarus.bundle.v1+json";
/// The media type of a status.
pub const STATUS: &str = "application/vnd.glarus.status.v1+json";
/// The media type of other answers.
pub const JSON: &str = "application/json";
/// The media type of entries and tiles.
pub const BYTES: &str = "application/octet-stream";
/// The media type of notes and proofs.
pub const TEXT: &str = "text/plain; charset=utf-8";
/// The media type of lines of JSON.
pub const NDJSON: &str = "application/x-ndjson";
/// What the type of every refusal begins with.
const REFUSAL: &str = "urn:glarus:refusal:";

/// The path that submits a record.
pub const RECORDS: &str = "/api/v1/records";

/// The path that submits a batch of records.
pub const BATCH: &str = "/api/v1/records/batch";
/// The most records of a batch.
pub const MAX_BATCH: usize = 1_024;
/// The most bytes of a batch.
pub const MAX_BATCH_BYTES: usize = 16 << 20;
/// The most bytes of the answer to a batch.
pub const MAX_BATCH_ANSWER_BYTES: usize = 64 << 20;

/// What the path of a value of the state map begins with.
pub const STATE_PATH: &str = "/api/v1/state/";

/// The path of a proof.
pub fn proof_path(index: u64) -> String {
    format!("/api/v1/proofs/{index}")
}

/// The path of an entry.
pub fn record_path(id: &Digest) -> String {
    format!("/api/v1/records/{id}")
}

/// The path of the updates of a product that carry a file.
pub fn updates_path(sha256: &Digest, product: &str) -> String {
    format!("{RECORDS}?kind=update&digest={sha256}&product={}", percent_encode(product))
}

/// The path of the source or the build that has a digest among its subjects and leads to a product.
pub fn leading_path(kind: Kind, sha256: &Digest, product: &str) -> String {
    format!("{RECORDS}?kind={kind}&digest={sha256}&product={}", percent_encode(product))
}

/// The path of what the state map has for a key.
pub fn state_path(key: &str) -> String {
    format!("{STATE_PATH}{}", percent_encode(key))
}

/// The path of the bundle for a file, narrowed to a track where those are given.
pub fn bundle_path(sha256: &Digest, product: Option<&str>, channel: Option<&str>, target: Option<&str>) -> String {
    let asked = [("product", product), ("channel", channel), ("target", target)];
    format!("/api/v1/bundles/{sha256}{}", query(&asked))
}

/// The path of the status of a channel of a product, as it concerns one update where that is given.
pub fn status_path(product: &str, channel: &str, update: Option<&Digest>) -> String {
    let update = update.map(|id| format!("{id}"));
    let query = query(&[("channel", Some(channel)), ("update", update.as_deref())]);
    format!("/api/v1/status/{}{query}", percent_encode(product))
}

/// The path of the status that proves a policy.
pub fn policy_path(epoch: u64) -> String {
    format!("/api/v1/policies/{epoch}")
}

fn query(parts: &[(&str, Option<&str>)]) -> String {
    let mut out = String::new();
    for (name, value) in parts.iter().filter_map(|(name, value)| Some((name, (*value)?))) {
        out.push(if out.is_empty() { '?' } else { '&' });
        out.push_str(&format!("{name}={}", percent_encode(value)));
    }
    out
}

/// Percent-encodes all but RFC 3986's unreserved characters, so that any text is one segment or value.
pub fn percent_encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// What became of a submitted record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Submitted {
    /// Its index.
    pub index: u64,
    /// Its id.
    pub id: Digest,
    /// The cosigned tree head that it is under; `None` while there is none yet.
    pub head: Option<TreeHead>,
    /// The C2SP tlog-proof under that head, where it was asked for.
    pub proof: Option<String>,
}

/// Why an answer is not what the API says.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AnswerError {
    /// Not JSON.
    #[error("the answer is not JSON: {0}")]
    Json(#[from] json::JsonError),
    /// A member is missing or has another form.
    #[error("the answer's member {0:?} is missing or has another form")]
    Member(&'static str),
    /// A batch's answer that is cut off, or has no line.
    #[error("the answer to a batch is lines, LF after each: it ends without one")]
    Cut,
    /// A batch's answer with more lines than a batch can have.
    #[error("the answer has more than {MAX_BATCH} lines")]
    TooManyLines,
    /// A batch's answer that is too long.
    #[error("the answer has {0} bytes, at most {MAX_BATCH_ANSWER_BYTES} are read")]
    TooLong(usize),
    /// A line of a batch's answer.
    #[error("line {line}: {cause}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        cause: Box<AnswerError>,
    },
}

impl Submitted {
    /// Writes the JSON.
    pub fn to_json(&self) -> String {
        let mut out = String::from("{");
        self.write_members(&mut out);
        out.push_str("}\n");
        out
    }

    fn write_members(&self, out: &mut String) {
        out.push_str(&format!("\"index\":{},\"id\":\"{}\"", self.index, self.id));
        if let Some(TreeHead { size, root }) = &self.head {
            out.push_str(&format!(",\"size\":{size},\"root\":\"{root}\""));
        }
        if let Some(proof) = &self.proof {
            out.push_str(",\"proof\":");
            json::write_string(out, proof);
        }
    }

    /// Reads the JSON; members that it does not know are ignored.
    ///
    /// # Errors
    /// [`AnswerError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, AnswerError> {
        let value = json::parse(bytes)?;
        Self::read(value.object().ok_or(AnswerError::Member("{"))?)
    }

    fn read(object: &Object) -> Result<Self, AnswerError> {
        let index = integer(object, "index")?.ok_or(AnswerError::Member("index"))?;
        let id = text(object, "id")?.and_then(encoding::from_hex).map(Digest).ok_or(AnswerError::Member("id"))?;
        let head = match (integer(object, "size")?, text(object, "root")?) {
            (Some(size), Some(root)) => {
                Some(TreeHead { size, root: Hash::from_base64(root).ok_or(AnswerError::Member("root"))? })
            }
            (None, None) => None,
            (Some(_), None) => return Err(AnswerError::Member("root")),
            (None, Some(_)) => return Err(AnswerError::Member("size")),
        };
        Ok(Self { index, id, head, proof: text(object, "proof")?.map(String::from) })
    }
}

/// The updates of a product that carry a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Updates(pub Vec<Carrying>);

/// An update that carries a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Carrying {
    /// Its index.
    pub index: u64,
    /// Its id.
    pub id: Digest,
    /// Its channel.
    pub channel: String,
    /// Its target, empty for any.
    pub target: String,
    /// Its sequence.
    pub sequence: u64,
    /// Whether it is not withdrawn.
    pub live: bool,
}

impl Updates {
    /// Writes the JSON.
    pub fn to_json(&self) -> String {
        let mut out = String::from("{\"updates\":");
        write_list(&mut out, &self.0, |out, one| {
            out.push_str(&format!("{{\"index\":{},\"id\":\"{}\",\"channel\":", one.index, one.id));
            json::write_string(out, &one.channel);
            out.push_str(",\"target\":");
            json::write_string(out, &one.target);
            out.push_str(&format!(",\"sequence\":{},\"live\":{}}}", one.sequence, one.live));
        });
        out.push_str("}\n");
        out
    }

    /// Reads the JSON; members that it does not know are ignored.
    ///
    /// # Errors
    /// [`AnswerError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, AnswerError> {
        let value = json::parse(bytes)?;
        let list = value.object().and_then(|object| object.get("updates")).and_then(json::Value::array);
        let list = list.ok_or(AnswerError::Member("updates"))?.iter();
        let one = |value: &json::Value| {
            let object = value.object().ok_or(AnswerError::Member("updates"))?;
            let word = |name| text(object, name)?.map(String::from).ok_or(AnswerError::Member(name));
            let number = |name| integer(object, name)?.ok_or(AnswerError::Member(name));
            Ok(Carrying {
                index: number("index")?,
                id: Digest::parse(&word("id")?).ok_or(AnswerError::Member("id"))?,
                channel: word("channel")?,
                target: word("target")?,
                sequence: number("sequence")?,
                live: object.get("live").and_then(json::Value::boolean).ok_or(AnswerError::Member("live"))?,
            })
        };
        list.map(one).collect::<Result<_, _>>().map(Self)
    }
}

/// The source or the build that has a digest and leads to a product: its index and its id; `None` where none is logged.
///
/// Of several it is the first that is in the product's namespace, if that one leads to the product.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Leading(pub Option<(u64, Digest)>);

impl Leading {
    /// Writes the JSON: a list, which may be longer one day.
    pub fn to_json(&self) -> String {
        let one = self.0.map(|(index, id)| format!("{{\"index\":{index},\"id\":\"{id}\"}}"));
        format!("{{\"records\":[{}]}}\n", one.unwrap_or_default())
    }

    /// Reads the JSON; members and elements that it does not know are ignored.
    ///
    /// # Errors
    /// [`AnswerError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, AnswerError> {
        let value = json::parse(bytes)?;
        let list = value.object().and_then(|object| object.get("records")).and_then(json::Value::array);
        let Some(first) = list.ok_or(AnswerError::Member("records"))?.first() else { return Ok(Self(None)) };
        let object = first.object().ok_or(AnswerError::Member("records"))?;
        let index = integer(object, "index")?.ok_or(AnswerError::Member("index"))?;
        let id = text(object, "id")?.and_then(Digest::parse).ok_or(AnswerError::Member("id"))?;
        Ok(Self(Some((index, id))))
    }
}

/// A refusal or a fault as it travels.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The stable name: what follows `urn:glarus:refusal:` in the type; `unknown` for other types.
    pub name: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, with the values that disagree.
    pub detail: String,
}

impl Problem {
    /// Reads problem details.
    ///
    /// # Errors
    /// [`AnswerError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, AnswerError> {
        let value = json::parse(bytes)?;
        Self::read(value.object().ok_or(AnswerError::Member("{"))?)
    }

    fn read(object: &Object) -> Result<Self, AnswerError> {
        let kind = text(object, "type")?.unwrap_or_default();
        Ok(Self {
            name: kind.strip_prefix(REFUSAL).unwrap_or("unknown").into(),
            status: status(object)?,
            detail: text(object, "detail")?.unwrap_or_default().into(),
        })
    }

    /// Writes the problem details, without a line's end; the title is the name in words.
    pub fn to_json(&self) -> String {
        let mut out = String::from("{\"type\":");
        json::write_string(&mut out, &format!("{REFUSAL}{}", self.name));
        out.push_str(",\"title\":");
        json::write_string(&mut out, &self.name.replace('-', " "));
        out.push_str(&format!(",\"status\":{},\"detail\":", self.status));
        json::write_string(&mut out, &self.detail);
        out.push('}');
        out
    }
}

/// What became of one record of a batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It is in the log.
    Taken {
        /// 201; 200 where it was there before; 202 where it is not cosigned yet, and so has no head.
        status: u16,
        /// Where it is.
        submitted: Submitted,
    },
    /// It is not; the status is 400 to 599.
    Refused(Problem),
}

impl Outcome {
    /// Writes the line, its LF included.
    pub fn to_json(&self) -> String {
        match self {
            Self::Taken { status, submitted } => {
                let mut out = format!("{{\"status\":{status},");
                submitted.write_members(&mut out);
                out.push_str("}\n");
                out
            }
            Self::Refused(problem) => format!("{}\n", problem.to_json()),
        }
    }

    /// Reads a line, without its LF; members that it does not know are ignored.
    ///
    /// # Errors
    /// [`AnswerError::Json`], [`AnswerError::Member`].
    fn parse(line: &[u8]) -> Result<Self, AnswerError> {
        let value = json::parse(line)?;
        let object = value.object().ok_or(AnswerError::Member("{"))?;
        let status = status(object)?;
        match status {
            400..600 => Ok(Self::Refused(Problem::read(object)?)),
            200..=202 => {
                let submitted = Submitted::read(object)?;
                let cosigned = submitted.head.is_some();
                if cosigned != (status != 202) || (submitted.proof.is_some() && !cosigned) {
                    return Err(AnswerError::Member("root"));
                }
                Ok(Self::Taken { status, submitted })
            }
            _ => Err(AnswerError::Member("status")),
        }
    }
}

/// Reads the answer to a batch: 1 to [`MAX_BATCH`] lines, LF after each.
///
/// # Errors
/// [`AnswerError`]; those of a line as [`AnswerError::Line`].
pub fn parse_batch(bytes: &[u8]) -> Result<Vec<Outcome>, AnswerError> {
    if bytes.len() > MAX_BATCH_ANSWER_BYTES {
        return Err(AnswerError::TooLong(bytes.len()));
    }
    let lines = bytes.strip_suffix(b"\n").ok_or(AnswerError::Cut)?;
    let mut outcomes = Vec::new();
    for (line, bytes) in (1..).zip(lines.split(|byte| *byte == b'\n')) {
        if line > MAX_BATCH {
            return Err(AnswerError::TooManyLines);
        }
        outcomes.push(Outcome::parse(bytes).map_err(|cause| AnswerError::Line { line, cause: Box::new(cause) })?);
    }
    Ok(outcomes)
}

/// Why a body is no batch; nothing of it is taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BatchError {
    /// No line at all.
    #[error("the batch has no record; it has one a line")]
    Empty,
    /// A line without anything in it.
    #[error("line {line} of the batch is empty; it has one record a line")]
    EmptyLine {
        /// The first such line, from 1.
        line: usize,
    },
    /// Too many lines.
    #[error("the batch has more than {MAX_BATCH} records")]
    TooManyRecords,
    /// Too many bytes.
    #[error("the batch has {0} bytes, at most {MAX_BATCH_BYTES} are taken")]
    TooLong(usize),
}

impl BatchError {
    /// The stable name: the end of `urn:glarus:refusal:<name>`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Empty => "empty-batch",
            Self::EmptyLine { .. } => "empty-line",
            Self::TooManyRecords => "too-many-records",
            Self::TooLong(_) => "body-too-long",
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Empty | Self::EmptyLine { .. } => 400,
            Self::TooManyRecords | Self::TooLong(_) => 413,
        }
    }
}

/// Finds the submissions of a batch; what each is, [`crate::record::Record::parse_submission`] says.
///
/// Shapes: 1 to [`MAX_BATCH`] parts of `body`, none empty, without their LF.
///
/// # Errors
/// [`BatchError`].
pub fn batch_lines(body: &[u8]) -> Result<Vec<&[u8]>, BatchError> {
    if body.len() > MAX_BATCH_BYTES {
        return Err(BatchError::TooLong(body.len()));
    }
    if body.is_empty() {
        return Err(BatchError::Empty);
    }
    let mut lines = Vec::new();
    for (line, bytes) in (1..).zip(body.strip_suffix(b"\n").unwrap_or(body).split(|byte| *byte == b'\n')) {
        if line > MAX_BATCH {
            return Err(BatchError::TooManyRecords);
        }
        if bytes.is_empty() {
            return Err(BatchError::EmptyLine { line });
        }
        lines.push(bytes);
    }
    Ok(lines)
}

/// Writes a batch. A line's end inside a submission is white space, and becomes a blank: JSON has none inside its strings.
pub fn batch<'a>(submissions: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for submission in submissions {
        out.extend(submission.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }));
        out.push(b'\n');
    }
    out
}

fn status(object: &Object) -> Result<u16, AnswerError> {
    let status = integer(object, "status")?.and_then(|status| u16::try_from(status).ok());
    status.ok_or(AnswerError::Member("status"))
}

fn integer(object: &Object, name: &'static str) -> Result<Option<u64>, AnswerError> {
    object.get(name).map(|value| value.integer().ok_or(AnswerError::Member(name))).transpose()
}

fn text<'a>(object: &'a Object, name: &'static str) -> Result<Option<&'a str>, AnswerError> {
    object.get(name).map(|value| value.string().ok_or(AnswerError::Member(name))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_read_back() {
        let head = Some(TreeHead { size: 4, root: Hash([7; 32]) });
        for (head, proof) in [(head, Some("a\n\"b\"".into())), (head, None), (None, None)] {
            let submitted = Submitted { index: 2, id: Digest([1; 32]), head, proof };
            assert_eq!(Submitted::parse(submitted.to_json().as_bytes()), Ok(submitted));
        }
        assert_eq!(Submitted::parse(b"{}"), Err(AnswerError::Member("index")));
        assert_eq!(Submitted::parse(b"{\"index\":-1}"), Err(AnswerError::Member("index")));
        let one = Carrying {
            index: 8,
            id: Digest([2; 32]),
            channel: "stable".into(),
            target: String::new(),
            sequence: 3,
            live: true,
        };
        for updates in [Updates::default(), Updates(alloc::vec![one.clone(), Carrying { live: false, ..one }])] {
            assert_eq!(Updates::parse(updates.to_json().as_bytes()), Ok(updates));
        }
        assert_eq!(Updates::parse(b"{\"updates\":[{}]}"), Err(AnswerError::Member("index")));
        assert_eq!(Updates::parse(b"[]"), Err(AnswerError::Member("updates")));
        for leading in [Leading(None), Leading(Some((8, Digest([2; 32]))))] {
            assert_eq!(Leading::parse(leading.to_json().as_bytes()), Ok(leading));
        }
        assert_eq!(Leading::parse(b"{\"records\":[{}]}"), Err(AnswerError::Member("index")));
        assert_eq!(Leading::parse(b"{\"records\":[{\"index\":1}]}"), Err(AnswerError::Member("id")));
        assert_eq!(Leading::parse(b"{}"), Err(AnswerError::Member("records")));
        let problem =
            br#"{"type":"urn:glarus:refusal:two-words","title":"two words","status":409,"detail":"d \"e\"\n"}"#;
        let read = Problem { name: "two-words".into(), status: 409, detail: "d \"e\"\n".into() };
        assert_eq!(Problem::parse(problem).as_ref(), Ok(&read));
        assert_eq!(read.to_json().as_bytes(), problem);
    }

    fn taken(status: u16, head: Option<TreeHead>, proof: Option<&str>) -> Outcome {
        let proof = proof.map(String::from);
        Outcome::Taken { status, submitted: Submitted { index: 2, id: Digest([1; 32]), head, proof } }
    }

    #[test]
    fn answers_to_batches_read_back() {
        let head = Some(TreeHead { size: 4, root: Hash([7; 32]) });
        let refused = Problem { name: "not-json".into(), status: 400, detail: "line\n".into() };
        let outcomes = alloc::vec![
            taken(201, head, Some("a\n\"b\"\n")),
            Outcome::Refused(refused),
            taken(200, head, None),
            taken(202, None, None),
        ];
        let text: String = outcomes.iter().map(Outcome::to_json).collect();
        assert_eq!(text.lines().count(), 4);
        assert!(text.starts_with("{\"status\":201,\"index\":2,\"id\":\"0101"), "{text}");
        assert_eq!(parse_batch(text.as_bytes()).as_ref(), Ok(&outcomes));
        for cut in [0, text.len() - 1, text.len() / 2] {
            assert_eq!(parse_batch(&text.as_bytes()[..cut]), Err(AnswerError::Cut), "{cut}");
        }
        let line = |line, cause| Err(AnswerError::Line { line, cause: Box::new(cause) });
        let bad = [
            (taken(201, None, None).to_json(), AnswerError::Member("root")),
            (taken(202, head, None).to_json(), AnswerError::Member("root")),
            (taken(202, None, Some("p")).to_json(), AnswerError::Member("root")),
            (taken(204, head, None).to_json(), AnswerError::Member("status")),
            (taken(600, head, None).to_json(), AnswerError::Member("status")),
            (taken(201, head, None).to_json().replace("01010", "0101G"), AnswerError::Member("id")),
            ("{\"index\":2}\n".into(), AnswerError::Member("status")),
            ("[]\n".into(), AnswerError::Member("{")),
        ];
        for (bad, cause) in bad {
            assert_eq!(parse_batch(format!("{text}{bad}").as_bytes()), line(5, cause), "{bad}");
        }
        assert!(matches!(parse_batch(b"\n"), Err(AnswerError::Line { line: 1, .. })));
        let most = taken(202, None, None).to_json().repeat(MAX_BATCH);
        assert_eq!(parse_batch(most.as_bytes()).map(|outcomes| outcomes.len()), Ok(MAX_BATCH));
        assert_eq!(parse_batch(format!("{most}{most}").as_bytes()), Err(AnswerError::TooManyLines));
        let long = alloc::vec![b'\n'; MAX_BATCH_ANSWER_BYTES + 1];
        assert_eq!(parse_batch(&long), Err(AnswerError::TooLong(long.len())));
    }

    #[test]
    fn batches_have_a_submission_a_line() {
        let lines = |body: &[u8]| batch_lines(body).map(|lines| lines.into_iter().map(<[u8]>::to_vec).collect());
        let two = Ok(alloc::vec![b"{}".to_vec(), b"no JSON\r".to_vec()]);
        assert_eq!(lines(b"{}\nno JSON\r\n"), two);
        assert_eq!(lines(b"{}\nno JSON\r"), two);
        assert_eq!(batch([b"{}".as_slice(), b"{\n}"]), b"{}\n{ }\n");
        assert_eq!(lines(b""), Err(BatchError::Empty));
        assert_eq!(lines(b"\n"), Err(BatchError::EmptyLine { line: 1 }));
        assert_eq!(lines(b"{}\n\n{}"), Err(BatchError::EmptyLine { line: 2 }));
        assert_eq!(lines(b"{}\n\n"), Err(BatchError::EmptyLine { line: 2 }));
        let most = b"{}\n".repeat(MAX_BATCH);
        assert_eq!(lines(&most).map(|lines| lines.len()), Ok(MAX_BATCH));
        assert_eq!(lines(&[&most[..], b"x"].concat()), Err(BatchError::TooManyRecords));
        let long = alloc::vec![b'x'; MAX_BATCH_BYTES + 1];
        assert_eq!(lines(&long), Err(BatchError::TooLong(long.len())));
        assert_eq!(lines(&long[1..]), Ok(alloc::vec![long[1..].to_vec()]));
        for error in [BatchError::Empty, BatchError::TooManyRecords, BatchError::TooLong(1)] {
            assert_eq!(error.status(), if error == BatchError::Empty { 400 } else { 413 }, "{}", error.name());
        }
    }

    #[test]
    fn paths_are_one_segment() {
        assert_eq!(percent_encode("pkg:generic/a b"), "pkg%3Ageneric%2Fa%20b");
        assert_eq!(status_path("pkg:a/b", "stable", None), "/api/v1/status/pkg%3Aa%2Fb?channel=stable");
        assert_eq!(state_path("policy"), "/api/v1/state/policy");
        assert_eq!(state_path("authority pkg:a/b/"), "/api/v1/state/authority%20pkg%3Aa%2Fb%2F");
        let id = Digest([0; 32]);
        assert!(updates_path(&id, "pkg:a/b").ends_with("00&product=pkg%3Aa%2Fb"));
        assert!(leading_path(Kind::Build, &id, "pkg:a/b").starts_with("/api/v1/records?kind=build&digest=00"));
        assert!(bundle_path(&id, None, Some("c"), None).ends_with("0?channel=c"));
    }
}
