//! `glarus key`.

use super::{Outcome, say};
use crate::cli::KeyCommand;
use glarus::keys::{self, KeyFileError, KeyFormError, SecretKey};
use glarus::table::Table;
use spec::authority::PublicKey;
use std::path::Path;

pub(crate) fn run(command: KeyCommand) -> anyhow::Result<Outcome> {
    match command {
        KeyCommand::New { file, output } => {
            let key = SecretKey::from_seed(glarus_shell::keys::random_seed());
            keys::write_pair(&file, &key)?;
            let table =
                about(key.public()).text("secret", file.display()).text("public", keys::public_path(&file).display());
            say(output, &table);
        }
        KeyCommand::Show { file, output } => say(output, &about(&public_half(&file)?)),
    }
    Ok(Outcome::Done)
}

fn about(key: &PublicKey) -> Table {
    Table::new().text("keyid", key.keyid()).text("algorithm", key.algorithm)
}

fn public_half(file: &Path) -> Result<PublicKey, KeyFileError> {
    match keys::read_public(file) {
        Err(KeyFileError::Form { cause: KeyFormError::Label { .. }, .. }) => {
            Ok(keys::read_secret(file)?.public().clone())
        }
        other => other,
    }
}
