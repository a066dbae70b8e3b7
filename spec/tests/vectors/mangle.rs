//! Mangling: whatever is done to one byte of an accepted text, it is refused, or read as exactly what it now says.
//!
//! A byte is set to other values, bytes are put in, the text is cut off, everywhere. [`Effort::All`] sets each byte to each
//! other value. [`Effort::Few`] does so in texts of up to [`ALL_UP_TO`] bytes; in longer ones it takes the values of [`FEW`]
//! and three flips of a bit, and in texts of more than [`FEW_UP_TO`] bytes, most of which is base64 of keys and signatures,
//! four values. Policies are slow to read, for each of their keys is a point of a curve: all values up to
//! [`ALL_OF_A_POLICY_UP_TO`] bytes, and of the largest every 16th byte; so too of records, for most differ from another in
//! one member. Bytes are put in as [`Effort::Few`] has it. Of texts of more than [`ALL_EVERYWHERE_UP_TO`] bytes, whose
//! elements are alike, [`Effort::All`] takes every 16th byte too.

use super::Chapter;
use super::format::Vector;

const ALL_UP_TO: usize = 600;
const FEW_UP_TO: usize = 1_000;
const ALL_OF_A_POLICY_UP_TO: usize = 120;
const ALL_EVERYWHERE_UP_TO: usize = 8_192;
/// What means something in one of the formats, or nearly.
const FEW: [u8; 12] = *b"\n\r\t \0=+-019A";

/// How much is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// What a test has time for.
    Few,
    /// Every change of one byte and every truncation.
    All,
}

/// Mangles one vector; returns how many texts were tried, and how many of them were accepted.
pub fn mangle(chapter: &Chapter, vector: &Vector, effort: Effort) -> (usize, usize) {
    let Some(accepts) = chapter.accepts else { return (0, 0) };
    let body = &vector.body;
    let Some(same) = accepts(vector, body) else { return (0, 0) };
    assert_eq!(same, *body, "{}/{} is not written as read", chapter.name, vector.name);
    let (mut tried, mut accepted) = (0, 0);
    let mut one = |mangled: &[u8], what: &dyn Fn() -> String| {
        tried += 1;
        if let Some(written) = accepts(vector, mangled) {
            accepted += 1;
            let (name, lossy) = (&vector.name, String::from_utf8_lossy);
            let (what, have, need) = (what(), lossy(&written), lossy(mangled));
            assert!(written == mangled, "{}/{name}, {what}: read {need:?}, wrote {have:?}", chapter.name);
        }
    };
    let mut mangled = body.clone();
    let policy = chapter.name == "policy";
    let all_up_to = if policy { ALL_OF_A_POLICY_UP_TO } else { ALL_UP_TO };
    let values = |byte| values(body.len(), all_up_to, byte);
    let slow = policy || chapter.name == "record";
    let few_step = if slow && body.len() > FEW_UP_TO { 16 } else { 1 };
    let step = match effort {
        Effort::Few => few_step,
        Effort::All if body.len() > ALL_EVERYWHERE_UP_TO => 16,
        Effort::All => 1,
    };
    for at in (0..body.len()).step_by(step) {
        one(&body[..at], &|| format!("cut at {at}"));
        let set = if effort == Effort::All { (0..=255).collect() } else { values(body[at]) };
        for value in set {
            mangled[at] = value;
            one(&mangled, &|| format!("byte {at} set to 0x{value:02x}"));
        }
        mangled[at] = body[at];
    }
    for at in (0..=body.len()).step_by(few_step) {
        let mut longer = [&body[..at], &[0], &body[at..]].concat();
        for value in values(*body.get(at).unwrap_or(&b'\n')) {
            longer[at] = value;
            one(&longer, &|| format!("byte 0x{value:02x} put in at {at}"));
        }
    }
    (tried, accepted)
}

/// The values tried where this byte stands, in a text of this length.
fn values(length: usize, all_up_to: usize, byte: u8) -> Vec<u8> {
    let flips = [byte ^ 1, byte ^ 0x20, byte ^ 0x80];
    if length <= all_up_to {
        (0..=255).collect()
    } else if length <= FEW_UP_TO {
        flips.into_iter().chain(FEW).collect()
    } else {
        flips.into_iter().chain([b'\n']).collect()
    }
}
