//! Drafts: records on their way to enough signatures, none too.
//!
//! A draft in a file is the DSSE envelope that becomes the record; only that `signatures` may be empty still. Where every
//! signature names its key, the bytes are in the canonical form of [`spec::record`].
//!
//! ```
//! use glarus::{draft, keys::SecretKey};
//!
//! let payload = br#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1",
//!   "subject":[{"name":"a","digest":{"sha256":"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"}}],
//!   "predicate":{"buildDefinition":{"buildType":"t"},"runDetails":{"builder":{"id":"b"}}}}"#;
//! let mut record = draft::of_payload(payload.to_vec())?;
//! assert_eq!(draft::read(&draft::write(&record)?).as_ref(), Ok(&record));
//! draft::sign(&mut record, &SecretKey::from_seed([7; 32]))?;
//! assert_eq!(spec::record::Record::parse_entry(&draft::write(&record)?), Ok(record));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::files::{self, FileError};
use crate::keys::{self, KeyFileError, SecretKey, SignError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa;
use spec::authority::{Algorithm, PublicKey};
use spec::json::{self, Value};
use spec::record::{self, Digest, EnvelopeSignature, MAX_SIGNATURES, PAYLOAD_TYPE, Record, RecordError, Statement};
use std::path::Path;

/// No signature in a file is longer: one of ML-DSA-44 in base64 has 3,228 bytes.
const MAX_SIGNATURE_FILE_BYTES: usize = 8192;

/// Why a signature that was made elsewhere is not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignatureError {
    /// Not `KEY:FILE`.
    #[error("{0:?} is not KEY.pub:FILE or KEYID:FILE")]
    Form(String),
    /// The key's file is not read.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The signature's file is not read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is by another key, or over other bytes.
    #[error("{file}: no signature by the key {keyid} over the {bytes} bytes that --pae-out writes")]
    Invalid {
        /// The signature's file.
        file: String,
        /// The key.
        keyid: Digest,
        /// What should be signed.
        bytes: usize,
    },
}

/// The draft of a statement that our client makes up.
///
/// # Errors
/// [`RecordError`]: what is signed is what a reader understands, not what was meant.
pub fn of_statement(statement: &Statement) -> Result<Record, RecordError> {
    of_payload(statement.to_json().into_bytes())
}

/// The draft of bytes that somebody wrote, kept as they are.
///
/// # Errors
/// [`RecordError`].
pub fn of_payload(payload: Vec<u8>) -> Result<Record, RecordError> {
    let statement = Statement::parse(&payload)?;
    Ok(Record { id: Digest::of(&record::pae(&payload)), payload, statement, signatures: Vec::new() })
}

/// Reads an envelope, signed or not.
///
/// # Errors
/// [`RecordError`].
pub fn read(bytes: &[u8]) -> Result<Record, RecordError> {
    match unsigned(bytes) {
        Some(payload) => of_payload(payload),
        None => Record::parse_submission(bytes),
    }
}

/// The payload of an envelope that nobody signed yet; `None` if it is anything else.
fn unsigned(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() > record::MAX_SUBMISSION_BYTES {
        return None;
    }
    let value = json::parse(bytes).ok()?;
    let envelope = value.object().filter(|object| object.case_collision().is_none())?;
    let is_ours = envelope.get("payloadType")?.string()? == PAYLOAD_TYPE;
    match envelope.get("signatures")? {
        Value::Array(signatures) if signatures.is_empty() && is_ours => {}
        _ => return None,
    }
    STANDARD.decode(envelope.get("payload")?.string()?).ok()
}

/// Writes an envelope: the entry's canonical bytes, where every signature names its key.
///
/// # Errors
/// [`RecordError`] above the limits of an entry.
pub fn write(record: &Record) -> Result<Vec<u8>, RecordError> {
    let named: Vec<_> = record.signatures.iter().filter_map(|one| Some((one.keyid?, one.sig.clone()))).collect();
    if !named.is_empty() && named.len() == record.signatures.len() {
        return record::envelope(&record.payload, &named);
    }
    if record.signatures.len() > MAX_SIGNATURES {
        return Err(RecordError::Limit { what: "signatures", have: record.signatures.len(), max: MAX_SIGNATURES });
    }
    let signatures = record.signatures.iter().map(|EnvelopeSignature { keyid, sig }| {
        let keyid = keyid.map_or(String::new(), |keyid| format!(r#""keyid":"{keyid}","#));
        format!(r#"{{{keyid}"sig":"{}"}}"#, STANDARD.encode(sig))
    });
    let signatures = signatures.collect::<Vec<_>>().join(",");
    let payload = STANDARD.encode(&record.payload);
    let text = format!(r#"{{"payload":"{payload}","payloadType":"{PAYLOAD_TYPE}","signatures":[{signatures}]}}"#);
    let bytes = text.into_bytes();
    // What cannot be read again is not written.
    read(&bytes).map(|_| bytes)
}

/// Adds a signature, unless the key signed already; tells whether it did.
///
/// # Errors
/// [`SignError`].
pub fn sign(record: &mut Record, key: &SecretKey) -> Result<bool, SignError> {
    if record.signatures.iter().any(|one| one.keyid == Some(key.keyid())) {
        return Ok(false);
    }
    let (keyid, sig) = key.sign(&record.payload)?;
    Ok(add(record, EnvelopeSignature { keyid: Some(keyid), sig }))
}

/// Adds a signature, unless that key's or that very signature is there; tells whether it did.
pub fn add(record: &mut Record, signature: EnvelopeSignature) -> bool {
    let same = |one: &EnvelopeSignature| {
        one.sig == signature.sig || one.keyid.is_some_and(|keyid| signature.keyid == Some(keyid))
    };
    let new = !record.signatures.iter().any(same);
    if new {
        record.signatures.push(signature);
    }
    new
}

/// Reads a signature over the record's [`record::pae`] that was made elsewhere: `KEY.pub:FILE` or `KEYID:FILE`.
///
/// The file holds the signature's bytes, or their base64. With the public key it is verified, and ECDSA may be r ‖ s
/// instead of DER; with a keyid alone it is taken as it is, and the log verifies it.
///
/// # Errors
/// [`SignatureError`].
pub fn signature(record: &Record, argument: &str) -> Result<EnvelopeSignature, SignatureError> {
    let parts = argument.rsplit_once(':').filter(|(key, file)| !key.is_empty() && !file.is_empty());
    let (key, file) = parts.ok_or_else(|| SignatureError::Form(argument.into()))?;
    let bytes = files::read(Path::new(file), MAX_SIGNATURE_FILE_BYTES)?;
    let text = std::str::from_utf8(&bytes).ok().and_then(|text| STANDARD.decode(text.trim_end()).ok());
    if let Some(keyid) = Digest::parse(key) {
        return Ok(EnvelopeSignature { keyid: Some(keyid), sig: text.unwrap_or(bytes) });
    }
    let key = keys::read_public(Path::new(key))?;
    let message = record::pae(&record.payload);
    let forms = [Some(bytes), text].into_iter().flatten();
    let sig = forms.filter_map(|sig| verified(&key, &message, sig)).next();
    let keyid = key.keyid();
    let invalid = || SignatureError::Invalid { file: file.into(), keyid, bytes: message.len() };
    Ok(EnvelopeSignature { keyid: Some(keyid), sig: sig.ok_or_else(invalid)? })
}

/// The signature in the form that records have, if it verifies.
fn verified(key: &PublicKey, message: &[u8], sig: Vec<u8>) -> Option<Vec<u8>> {
    if key.algorithm != Algorithm::EcdsaP256Sha256 {
        return key.verify(message, &sig).then_some(sig);
    }
    let parsed = ecdsa::Signature::from_der(&sig).or_else(|_| ecdsa::Signature::from_slice(&sig)).ok()?;
    let low = parsed.normalize_s().to_der().as_bytes().to_vec();
    key.verify(message, &low).then_some(low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::record::{Build, Predicate, Subject};

    fn record() -> Record {
        let build = Build { build_type: "t".into(), builder: "b".into(), dependencies: Vec::new() };
        of_statement(&Statement { subjects: vec![Subject::of_name("a")], predicate: Predicate::Build(build) }).unwrap()
    }

    #[test]
    fn signatures_without_keyid_stay() {
        let mut record = record();
        let foreign = EnvelopeSignature { keyid: None, sig: vec![1, 2, 3] };
        assert!(add(&mut record, foreign.clone()) && !add(&mut record, foreign));
        let key = SecretKey::from_seed([1; 32]);
        assert!(sign(&mut record, &key).unwrap() && !sign(&mut record, &key).unwrap());
        let again = read(&write(&record).unwrap()).unwrap();
        assert_eq!(again, record);
        assert_eq!(again.signatures.iter().map(|one| one.keyid).collect::<Vec<_>>(), [None, Some(key.keyid())]);
        record.signatures = vec![EnvelopeSignature { keyid: None, sig: vec![1] }; MAX_SIGNATURES + 1];
        assert!(matches!(write(&record), Err(RecordError::Limit { .. })));
    }

    #[test]
    fn signatures_from_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let record = record();
        for (number, algorithm) in (1..).zip(Algorithm::ALL) {
            let key = SecretKey::from_random(algorithm, [number; 32]).unwrap();
            let name = format!("key-{number}");
            keys::write_pair(Path::new(&at(&name)), &key).unwrap();
            let (keyid, sig) = key.sign(&record.payload).unwrap();
            std::fs::write(at("sig"), &sig).unwrap();
            std::fs::write(at("text"), STANDARD.encode(&sig) + "\n").unwrap();
            let good = EnvelopeSignature { keyid: Some(keyid), sig: sig.clone() };
            for file in ["sig", "text"] {
                let public = format!("{}:{}", at(&format!("{name}.pub")), at(file));
                assert_eq!(signature(&record, &public).as_ref(), Ok(&good), "{algorithm} {file}");
                assert_eq!(signature(&record, &format!("{keyid}:{}", at(file))).as_ref(), Ok(&good));
            }
            if algorithm == Algorithm::EcdsaP256Sha256 {
                let raw = ecdsa::Signature::from_der(&sig).unwrap();
                std::fs::write(at("sig"), raw.to_bytes()).unwrap();
                let public = format!("{}:{}", at(&format!("{name}.pub")), at("sig"));
                assert_eq!(signature(&record, &public).as_ref(), Ok(&good), "r and s");
            }
            let mut other = record.clone();
            other.payload.push(b' ');
            let public = format!("{}:{}", at(&format!("{name}.pub")), at("sig"));
            assert!(matches!(signature(&other, &public), Err(SignatureError::Invalid { .. })));
        }
        assert_eq!(signature(&record, "sig"), Err(SignatureError::Form("sig".into())));
        assert!(matches!(signature(&record, "none.pub:none"), Err(SignatureError::File(_))));
    }
}
