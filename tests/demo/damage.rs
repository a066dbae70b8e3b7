//! What an attacker could do to a file or a bundle on its way.

use anyhow::Context as _;
use spec::bundle::Bundle;
use spec::state::ChannelValue;
use std::path::Path;

/// Flips one bit in the middle of a file.
pub(crate) fn flip_a_byte(path: &Path) -> anyhow::Result<()> {
    let mut bytes = std::fs::read(path)?;
    let middle = bytes.len() / 2;
    *bytes.get_mut(middle).context("an empty file")? ^= 1;
    std::fs::write(path, bytes)?;
    Ok(())
}

/// Reads a bundle, damages it, and writes it elsewhere in its one form.
pub(crate) fn bundle(from: &Path, to: &Path, damage: fn(&mut Bundle)) -> anyhow::Result<()> {
    let mut bundle = Bundle::parse(&std::fs::read(from)?)?;
    damage(&mut bundle);
    std::fs::write(to, bundle.to_json())?;
    Ok(())
}

/// Keeps the log's signatures and the cosignatures of two witnesses; each has two keys.
pub(crate) fn keep_two_witnesses(bundle: &mut Bundle) {
    bundle.checkpoint.signatures.truncate(2 + 2 * 2);
}

/// Gives the update the proof of the record before it.
pub(crate) fn proof_of_another_index(bundle: &mut Bundle) {
    if let [.., before, update] = bundle.records.as_mut_slice() {
        update.proof.clone_from(&before.proof);
    }
}

/// Writes the channel's value as it was before the second update.
pub(crate) fn cut_out_the_newer_update(bundle: &mut Bundle) {
    for proved in bundle.status.map.iter_mut().filter(|proved| proved.key.starts_with("channel ")) {
        let Some(mut value) = proved.value.as_deref().and_then(|text| ChannelValue::parse(text).ok()) else { continue };
        value.sequence = 1;
        for line in value.targets.values_mut() {
            line.sequence = 1;
        }
        proved.value = Some(value.to_text());
    }
}
