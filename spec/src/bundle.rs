#![doc = include_str!("../bundle.md")]

use crate::encoding;
use crate::json::{self, JsonError, Object, Value};
use crate::map::{KeyHash, MAX_MASK_BYTES, MapProof, ValueHash};
use crate::merkle::Hash;
use crate::note::{Note, NoteError};
use crate::proof::MAX_PROOF_HASHES;
use crate::tlog_proof::TlogProof;
use alloc::string::ToString as _;
use alloc::{format, string::String, vec::Vec};

/// The media type of a bundle.
pub const BUNDLE_MEDIA_TYPE: &str = "application/vnd.glarus.bundle.v1+json";
/// The media type of a status.
pub const STATUS_MEDIA_TYPE: &str = "application/vnd.glarus.status.v1+json";
/// The most bytes of a bundle or status.
pub const MAX_BUNDLE_BYTES: usize = 1 << 22;
/// The most records of a bundle, and the most of a status; the state entry is not counted.
pub const MAX_RECORDS: usize = 256;
/// The most keys of the map in a status: one for each record, and as many again for authorities and channels.
pub const MAX_KEYS: usize = 512;
/// The most characters `,` `[` `{` in a bundle or status, twelve times what the largest needs.
pub const MAX_SEPARATORS: usize = 1 << 16;

/// The most hashes of a map proof.
const MAX_SIBLINGS: usize = 256;

/// An entry of the log and where it is: `R` in the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proved {
    /// Its index in the log, at most 2^53 - 1.
    pub index: u64,
    /// Its bytes.
    pub entry: Vec<u8>,
    /// The inclusion proof, from the leaf's sibling up; at most [`MAX_PROOF_HASHES`].
    pub proof: Vec<Hash>,
}

/// What the map says about a key: `M` in the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MapProved {
    /// The key.
    pub key: String,
    /// Its value; `None` if it is absent.
    pub value: Option<String>,
    /// The proof of that.
    pub proof: MapProof,
}

/// What is in force: read, not verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// The cosigned checkpoint.
    pub checkpoint: Note,
    /// The last entry under it.
    pub state: Proved,
    /// Authority records, ascending by index.
    pub records: Vec<Proved>,
    /// Keys of the map, sorted.
    pub map: Vec<MapProved>,
}

/// What was released, and what is in force: read, not verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bundle {
    /// The cosigned checkpoint under which the records are.
    pub checkpoint: Note,
    /// Update, builds and sources, ascending by index.
    pub records: Vec<Proved>,
    /// What is in force.
    pub status: Status,
}

/// Why bytes are not a bundle or a status.
///
/// A `field` is the path of a member as a reader of the JSON would write it, `[]` standing for any element.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BundleError {
    /// More than [`MAX_BUNDLE_BYTES`].
    #[error("the file has {have_bytes} bytes, at most {MAX_BUNDLE_BYTES} are read")]
    TooLarge {
        /// Bytes in the file.
        have_bytes: usize,
    },
    /// More than [`MAX_SEPARATORS`].
    #[error("the file has {have} commas and brackets, at most {MAX_SEPARATORS} are read")]
    Separators {
        /// Characters `,` `[` `{` in the file.
        have: usize,
    },
    /// Not JSON that we read.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Another media type.
    #[error("{field} is not {expected}")]
    MediaType {
        /// Which.
        field: &'static str,
        /// The media type that it should be.
        expected: &'static str,
    },
    /// A member is missing or has another type.
    #[error("{field} is missing, or is not {expected}")]
    Member {
        /// Which.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A checkpoint is no note.
    #[error("{field}: {error}")]
    Note {
        /// Which.
        field: &'static str,
        /// Why not.
        error: NoteError,
    },
    /// More elements than allowed.
    #[error("{field} has {have} elements, at most {max} are allowed")]
    Limit {
        /// Of what.
        field: &'static str,
        /// Elements.
        have: usize,
        /// The most allowed.
        max: usize,
    },
    /// A list does not ascend.
    #[error("element {at} of {field} does not come after the one before")]
    Order {
        /// Which list.
        field: &'static str,
        /// The element, counted from 0.
        at: usize,
    },
    /// Bytes that do not re-encode to themselves.
    #[error("the file is not in the one form that it has, from byte {at} on")]
    NotCanonical {
        /// The first byte that the one form has otherwise.
        at: usize,
    },
}

impl Proved {
    /// The same as a tlog-proof of the entry, which stands in its extra data.
    ///
    /// It has no place for an entry of more than [`crate::tlog_proof::MAX_EXTRA_BYTES`]; no entry has.
    pub fn to_tlog_proof(&self, checkpoint: &Note) -> TlogProof {
        let (extra, path) = (Some(self.entry.clone()), self.proof.clone());
        TlogProof { extra, index: self.index, path, checkpoint: checkpoint.clone() }
    }

    /// The record of a tlog-proof that has its entry in its extra data, and the checkpoint under which it is.
    ///
    /// `None` without extra data.
    pub fn from_tlog_proof(proof: TlogProof) -> Option<(Self, Note)> {
        let TlogProof { extra, index, path, checkpoint } = proof;
        Some((Self { index, entry: extra?, proof: path }, checkpoint))
    }

    fn write(&self, out: &mut String) {
        let (entry, proof) = (encoding::base64(&self.entry), joined(&self.proof));
        out.push_str(&format!(r#"{{"index":{},"entry":"{entry}","proof":"{proof}"}}"#, self.index));
    }
}

impl MapProved {
    fn write(&self, out: &mut String) {
        out.push_str(r#"{"key":"#);
        json::write_string(out, &self.key);
        out.push_str(r#","value":"#);
        match &self.value {
            Some(value) => json::write_string(out, value),
            None => out.push_str("null"),
        }
        let MapProof { mask, siblings, other } = &self.proof;
        let other = other.map(|(key, value)| format!(r#""{}""#, encoding::base64(&[key.0, value.0].concat())));
        let other = other.unwrap_or_else(|| "null".into());
        let (mask, siblings) = (encoding::base64(mask), joined(siblings));
        out.push_str(&format!(r#","mask":"{mask}","siblings":"{siblings}","other":{other}}}"#));
    }
}

impl Status {
    /// Reads a status.
    ///
    /// # Errors
    /// [`BundleError`]: size, JSON, member by member, and last whether the bytes re-encode to themselves.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let status = Self::from_value(&bounded(bytes)?, &STATUS_FIELDS)?;
        canonical(bytes, &status.to_json())?;
        Ok(status)
    }

    /// Writes the status; reading it gives the same one, if it keeps the order and the limits.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out.push('\n');
        out
    }

    fn write(&self, out: &mut String) {
        out.push_str(&format!(r#"{{"mediaType":"{STATUS_MEDIA_TYPE}","checkpoint":"#));
        json::write_string(out, &self.checkpoint.to_string());
        out.push_str(r#","state":"#);
        self.state.write(out);
        out.push_str(r#","records":"#);
        write_list(out, &self.records, |out, record| record.write(out));
        out.push_str(r#","map":"#);
        write_list(out, &self.map, |out, proved| proved.write(out));
        out.push('}');
    }

    fn from_value(value: &Value, fields: &Fields) -> Result<Self, BundleError> {
        let object = object(value, fields.whole)?;
        media_type(object, fields.media_type, STATUS_MEDIA_TYPE)?;
        let checkpoint = note(object, fields.checkpoint)?;
        let state = proved(member(object, fields.state, "an object")?, fields.state)?;
        let records = records(object, fields.records)?;
        let values = list(object, fields.map, MAX_KEYS)?;
        let map = values.iter().map(|value| map_proved(value, fields.map)).collect::<Result<Vec<_>, _>>()?;
        ascending(fields.map, &map, |proved| proved.key.as_str())?;
        Ok(Self { checkpoint, state, records, map })
    }

    /// What it says about a key; `None` if it does not have it.
    pub fn key(&self, key: &str) -> Option<&MapProved> {
        let at = self.map.binary_search_by(|proved| proved.key.as_str().cmp(key)).ok()?;
        self.map.get(at)
    }
}

impl Bundle {
    /// Reads a bundle.
    ///
    /// Cost: memory some three times the file and at most 8 MiB more; time linear in the file.
    ///
    /// # Errors
    /// [`BundleError`]: size, JSON, member by member, and last whether the bytes re-encode to themselves.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let value = bounded(bytes)?;
        let object = object(&value, "bundle")?;
        media_type(object, "mediaType", BUNDLE_MEDIA_TYPE)?;
        let checkpoint = note(object, "checkpoint")?;
        let records = records(object, "records")?;
        let status = Status::from_value(member(object, "status", "an object")?, &EMBEDDED_FIELDS)?;
        let bundle = Self { checkpoint, records, status };
        canonical(bytes, &bundle.to_json())?;
        Ok(bundle)
    }

    /// Writes the bundle; reading it gives the same one, if it keeps the order and the limits.
    pub fn to_json(&self) -> String {
        let mut out = format!(r#"{{"mediaType":"{BUNDLE_MEDIA_TYPE}","checkpoint":"#);
        json::write_string(&mut out, &self.checkpoint.to_string());
        out.push_str(r#","records":"#);
        write_list(&mut out, &self.records, |out, record| record.write(out));
        out.push_str(r#","status":"#);
        self.status.write(&mut out);
        out.push_str("}\n");
        out
    }
}

/// The paths of a status's members, alone or in a bundle.
struct Fields {
    whole: &'static str,
    media_type: &'static str,
    checkpoint: &'static str,
    state: &'static str,
    records: &'static str,
    map: &'static str,
}

const STATUS_FIELDS: Fields = Fields {
    whole: "status",
    media_type: "mediaType",
    checkpoint: "checkpoint",
    state: "state",
    records: "records",
    map: "map",
};

const EMBEDDED_FIELDS: Fields = Fields {
    whole: "status",
    media_type: "status.mediaType",
    checkpoint: "status.checkpoint",
    state: "status.state",
    records: "status.records",
    map: "status.map",
};

/// Reads JSON within the limits of a bundle.
fn bounded(bytes: &[u8]) -> Result<Value<'_>, BundleError> {
    if bytes.len() > MAX_BUNDLE_BYTES {
        return Err(BundleError::TooLarge { have_bytes: bytes.len() });
    }
    // Counting is not free, and few bytes cannot have too many.
    if bytes.len() > MAX_SEPARATORS {
        let have = bytes.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
        if have > MAX_SEPARATORS {
            return Err(BundleError::Separators { have });
        }
    }
    Ok(json::parse(bytes)?)
}

fn canonical(bytes: &[u8], again: &str) -> Result<(), BundleError> {
    if again.as_bytes() == bytes {
        return Ok(());
    }
    let at = again.bytes().zip(bytes).take_while(|(left, right)| left == *right).count();
    Err(BundleError::NotCanonical { at })
}

/// The member that a path ends in.
fn member<'a>(
    object: &'a Object<'a>,
    field: &'static str,
    expected: &'static str,
) -> Result<&'a Value<'a>, BundleError> {
    let key = field.rsplit('.').next().unwrap_or(field);
    object.get(key).ok_or(BundleError::Member { field, expected })
}

fn object<'a>(value: &'a Value<'a>, field: &'static str) -> Result<&'a Object<'a>, BundleError> {
    value.object().ok_or(BundleError::Member { field, expected: "an object" })
}

fn string<'a>(object: &'a Object, field: &'static str) -> Result<&'a str, BundleError> {
    let expected = "a string";
    member(object, field, expected)?.string().ok_or(BundleError::Member { field, expected })
}

fn media_type(object: &Object, field: &'static str, expected: &'static str) -> Result<(), BundleError> {
    if string(object, field)? == expected { Ok(()) } else { Err(BundleError::MediaType { field, expected }) }
}

fn note(object: &Object, field: &'static str) -> Result<Note, BundleError> {
    Note::parse(string(object, field)?.as_bytes()).map_err(|error| BundleError::Note { field, error })
}

fn limit(field: &'static str, have: usize, max: usize) -> Result<(), BundleError> {
    if have > max { Err(BundleError::Limit { field, have, max }) } else { Ok(()) }
}

fn list<'a>(object: &'a Object<'a>, field: &'static str, max: usize) -> Result<&'a [Value<'a>], BundleError> {
    let expected = "an array";
    let values = member(object, field, expected)?.array().ok_or(BundleError::Member { field, expected })?;
    limit(field, values.len(), max)?;
    Ok(values)
}

fn ascending<'a, T, K: Ord>(field: &'static str, items: &'a [T], key: impl Fn(&'a T) -> K) -> Result<(), BundleError> {
    let pairs = items.iter().zip(items.iter().skip(1));
    match pairs.into_iter().position(|(one, next)| key(one) >= key(next)) {
        Some(at) => Err(BundleError::Order { field, at: at.saturating_add(1) }),
        None => Ok(()),
    }
}

fn records(object: &Object, field: &'static str) -> Result<Vec<Proved>, BundleError> {
    let values = list(object, field, MAX_RECORDS)?;
    let records = values.iter().map(|value| proved(value, field)).collect::<Result<Vec<_>, _>>()?;
    ascending(field, &records, |record| record.index)?;
    Ok(records)
}

fn proved(value: &Value, field: &'static str) -> Result<Proved, BundleError> {
    let refused = |expected| BundleError::Member { field, expected };
    let expected = "an object with index, entry and proof";
    let object = value.object().ok_or(refused(expected))?;
    let text = |key| object.get(key).and_then(Value::string).ok_or(refused(expected));
    let index = object.get("index").and_then(Value::integer).ok_or(refused(expected))?;
    let entry = encoding::from_base64(text("entry")?).ok_or(refused("an entry in padded base64"))?;
    let proof = split(text("proof")?, MAX_PROOF_HASHES).ok_or(refused("a proof of at most 63 hashes in base64"))?;
    Ok(Proved { index, entry, proof })
}

fn map_proved(value: &Value, field: &'static str) -> Result<MapProved, BundleError> {
    let refused = |expected| BundleError::Member { field, expected };
    let expected = "an object with key, value, mask, siblings and other";
    let object = value.object().ok_or(refused(expected))?;
    let text = |key| object.get(key).and_then(Value::string).ok_or(refused(expected));
    let or_null = |key| match object.get(key) {
        Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_ref())),
        _ => Err(refused(expected)),
    };
    let mask = encoding::from_base64(text("mask")?).filter(|mask| mask.len() <= MAX_MASK_BYTES);
    let mask = mask.ok_or(refused("a mask of at most 32 bytes in base64"))?;
    let siblings = split(text("siblings")?, MAX_SIBLINGS).ok_or(refused("at most 256 siblings in base64"))?;
    let other = or_null("other")?.map(|text| leaf(text).ok_or(refused("another leaf of 64 bytes in base64")));
    let proof = MapProof { mask, siblings, other: other.transpose()? };
    Ok(MapProved { key: text("key")?.into(), value: or_null("value")?.map(String::from), proof })
}

/// Reads hashes joined together.
fn split(text: &str, max: usize) -> Option<Vec<Hash>> {
    // 4 characters carry at most 3 bytes: refuse long input before decoding it.
    if text.len() > max.saturating_mul(44) {
        return None;
    }
    let bytes = encoding::from_base64(text)?;
    let chunks = bytes.chunks(32).map(|chunk| chunk.try_into().ok().map(Hash));
    chunks.collect::<Option<Vec<_>>>().filter(|hashes| hashes.len() <= max)
}

fn joined(hashes: &[Hash]) -> String {
    encoding::base64(&hashes.iter().flat_map(|hash| hash.0).collect::<Vec<_>>())
}

fn leaf(text: &str) -> Option<(KeyHash, ValueHash)> {
    let bytes: [u8; 64] = encoding::from_base64_array(text)?;
    let (key, value) = bytes.split_first_chunk()?;
    Some((KeyHash(*key), ValueHash(value.try_into().ok()?)))
}

fn write_list<T>(out: &mut String, items: &[T], write: impl Fn(&mut String, &T)) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn hash(byte: u8) -> Hash {
        Hash([byte; 32])
    }

    fn proved(index: u64, hashes: u8) -> Proved {
        Proved { index, entry: vec![b'x'; 7], proof: (0..hashes).map(hash).collect() }
    }

    fn key(name: &str, value: Option<&str>) -> MapProved {
        let other = value.is_none().then_some((KeyHash([1; 32]), ValueHash([2; 32])));
        let proof = MapProof { mask: vec![0xa0], siblings: vec![hash(3), hash(4)], other };
        MapProved { key: name.into(), value: value.map(String::from), proof }
    }

    fn sample() -> Bundle {
        let note = Note::parse("o\n1\nr\n\n— \"o\" AAAAAAA=\n".as_bytes()).unwrap();
        let map = vec![key("authority a", Some("0\n")), key("b\u{1}\"", None)];
        let status = Status { checkpoint: note.clone(), state: proved(9, 0), records: vec![proved(2, 3)], map };
        Bundle { checkpoint: note, records: vec![proved(3, 2), proved(4, 1)], status }
    }

    #[test]
    fn written_as_read() {
        let bundle = sample();
        assert_eq!(Bundle::parse(bundle.to_json().as_bytes()), Ok(bundle.clone()));
        assert_eq!(Status::parse(bundle.status.to_json().as_bytes()), Ok(bundle.status.clone()));
        assert!(bundle.to_json().contains(bundle.status.to_json().trim_end()));
        assert_eq!(bundle.status.key("authority a").and_then(|proved| proved.value.as_deref()), Some("0\n"));
        assert_eq!(bundle.status.key("authority"), None);
        let proof = bundle.records[0].to_tlog_proof(&bundle.checkpoint);
        let back = Proved::from_tlog_proof(TlogProof::parse(proof.to_text().as_bytes()).unwrap());
        assert_eq!(back, Some((bundle.records[0].clone(), bundle.checkpoint.clone())));
    }

    /// Every byte left out, doubled, and changed to any other: refused, or read as what it says.
    #[test]
    fn one_form() {
        let good = sample().to_json().into_bytes();
        let check = |bytes: Vec<u8>| {
            if let Ok(bundle) = Bundle::parse(&bytes) {
                assert_eq!(bundle.to_json().as_bytes(), bytes);
            }
        };
        for at in 0..good.len() {
            assert!(Bundle::parse(&good[..at]).is_err());
            check([&good[..at], &good[at + 1..]].concat());
            for byte in *b"\x00\n \",:[]{}\\/+-=019aAuz\xe2" {
                check([&good[..at], &[byte], &good[at..]].concat());
                check([&good[..at], &[byte], &good[at + 1..]].concat());
            }
        }
    }

    #[test]
    fn refused() {
        let text = sample().to_json();
        let at = |part: &str| text.find(part).unwrap() + usize::from(part.starts_with('"'));
        let cases: &[(&str, &str, BundleError)] = &[
            ("\"index\":3", "\"index\":4", BundleError::Order { field: "records", at: 1 }),
            ("\"index\":3", "\"index\":5", BundleError::Order { field: "records", at: 1 }),
            ("authority a", "b\\u0001\\\"", BundleError::Order { field: "status.map", at: 1 }),
            ("authority a", "c", BundleError::Order { field: "status.map", at: 1 }),
            (",\"status\":", ",\"Status\":", BundleError::Member { field: "status", expected: "an object" }),
            ("\"records\":[", "\"x\":1,\"records\":[", BundleError::NotCanonical { at: at("\"records\"") }),
            ("\"index\":3", "\"index\": 3", BundleError::NotCanonical { at: at("3,\"entry") }),
            ("}\n", "}", BundleError::NotCanonical { at: text.len() - 1 }),
            ("bundle.v1", "bundle.v2", BundleError::MediaType { field: "mediaType", expected: BUNDLE_MEDIA_TYPE }),
            (
                "status.v1",
                "status.v2",
                BundleError::MediaType { field: "status.mediaType", expected: STATUS_MEDIA_TYPE },
            ),
        ];
        for (from, to, error) in cases {
            assert_eq!(Bundle::parse(text.replacen(from, to, 1).as_bytes()).as_ref(), Err(error), "{from} -> {to}");
        }
        let mut many = sample();
        many.records = (0..256).map(|index| proved(index, 0)).collect();
        many.status.records = many.records.clone();
        assert!(Bundle::parse(many.to_json().as_bytes()).is_ok());
        many.records.push(proved(256, 0));
        let limit = BundleError::Limit { field: "records", have: 257, max: 256 };
        assert_eq!(Bundle::parse(many.to_json().as_bytes()), Err(limit));
        let mut keys = sample();
        keys.status.map = (1000..1513).map(|at| key(&at.to_string(), None)).collect();
        let limit = BundleError::Limit { field: "status.map", have: 513, max: 512 };
        assert_eq!(Bundle::parse(keys.to_json().as_bytes()), Err(limit));
        let mut long = sample();
        long.records[0].proof = vec![hash(0); 64];
        assert!(matches!(Bundle::parse(long.to_json().as_bytes()), Err(BundleError::Member { field: "records", .. })));
        let large = vec![b' '; MAX_BUNDLE_BYTES + 1];
        assert_eq!(Bundle::parse(&large), Err(BundleError::TooLarge { have_bytes: MAX_BUNDLE_BYTES + 1 }));
        let deep = vec![b'['; MAX_SEPARATORS + 1];
        assert_eq!(Bundle::parse(&deep), Err(BundleError::Separators { have: MAX_SEPARATORS + 1 }));
    }

    /// The largest bundle that the other limits allow stays below the limit on separators.
    #[test]
    fn separators_suffice() {
        let mut most = sample();
        most.records = (0..256).map(|index| proved(index, 1)).collect();
        most.status.records = most.records.clone();
        most.status.map = (1000..1512).map(|at| key(&at.to_string(), None)).collect();
        let text = most.to_json();
        let have = text.bytes().filter(|byte| b",[{".contains(byte)).count();
        assert!(have * 12 <= MAX_SEPARATORS, "{have}");
    }
}
