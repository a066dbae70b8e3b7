#![doc = include_str!("../api.md")]

use crate::encoding;
use crate::json::{self, Object};
use crate::merkle::{Hash, TreeHead};
use crate::record::{Digest, write_list};
use alloc::{format, string::String, vec::Vec};

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
/// What the type of every refusal begins with.
const REFUSAL: &str = "urn:glarus:refusal:";

/// The path that submits a record.
pub const RECORDS: &str = "/api/v1/records";

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
}

impl Submitted {
    /// Writes the JSON.
    pub fn to_json(&self) -> String {
        let mut out = format!("{{\"index\":{},\"id\":\"{}\"", self.index, self.id);
        if let Some(TreeHead { size, root }) = &self.head {
            out.push_str(&format!(",\"size\":{size},\"root\":\"{root}\""));
        }
        if let Some(proof) = &self.proof {
            out.push_str(",\"proof\":");
            json::write_string(&mut out, proof);
        }
        out.push_str("}\n");
        out
    }

    /// Reads the JSON; members that it does not know are ignored.
    ///
    /// # Errors
    /// [`AnswerError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, AnswerError> {
        let value = json::parse(bytes)?;
        let object = value.object().ok_or(AnswerError::Member("{"))?;
        let index = integer(object, "index")?.ok_or(AnswerError::Member("index"))?;
        let id = text(object, "id")?.and_then(encoding::from_hex).map(Digest).ok_or(AnswerError::Member("id"))?;
        let head = match (integer(object, "size")?, text(object, "root")?) {
            (Some(size), Some(root)) => {
                Some(TreeHead { size, root: Hash::from_base64(root).ok_or(AnswerError::Member("root"))? })
            }
            _ => None,
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
        let object = value.object().ok_or(AnswerError::Member("{"))?;
        let kind = text(object, "type")?.unwrap_or_default();
        let status = integer(object, "status")?.and_then(|status| u16::try_from(status).ok());
        Ok(Self {
            name: kind.strip_prefix(REFUSAL).unwrap_or("unknown").into(),
            status: status.ok_or(AnswerError::Member("status"))?,
            detail: text(object, "detail")?.unwrap_or_default().into(),
        })
    }
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
        let problem = br#"{"type":"urn:glarus:refusal:sequence","title":"x","status":409,"detail":"d"}"#;
        let read = Problem { name: "sequence".into(), status: 409, detail: "d".into() };
        assert_eq!(Problem::parse(problem), Ok(read));
    }

    #[test]
    fn paths_are_one_segment() {
        assert_eq!(percent_encode("pkg:generic/a b"), "pkg%3Ageneric%2Fa%20b");
        assert_eq!(status_path("pkg:a/b", "stable", None), "/api/v1/status/pkg%3Aa%2Fb?channel=stable");
        assert_eq!(state_path("policy"), "/api/v1/state/policy");
        assert_eq!(state_path("authority pkg:a/b/"), "/api/v1/state/authority%20pkg%3Aa%2Fb%2F");
        let id = Digest([0; 32]);
        assert!(updates_path(&id, "pkg:a/b").ends_with("00&product=pkg%3Aa%2Fb"));
        assert!(bundle_path(&id, None, Some("c"), None).ends_with("0?channel=c"));
    }
}
